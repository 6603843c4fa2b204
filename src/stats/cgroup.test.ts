import { describe, expect, it } from 'vitest';
import { cgroupFolder, parseCgroupMounts, parseMembership, unifiedFolder } from './cgroup.ts';

const id = '4dbeb9b6e22eba9d02392ade59a8d14d4fd1d8f22b17ff1878da4df5d82dd8df';
const v1 = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
`;
const hybrid = `${v1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`;
const v2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';
const nested = '30 23 0:26 /docker/outer /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n';

describe('cgroupFolder', () => {
  const folder = (mountinfo: string, cgroup: string, controller: string): unknown =>
    cgroupFolder(controller, parseMembership(cgroup), parseCgroupMounts(mountinfo));

  it('finds v1 controllers, also shared ones', () => {
    const cgroup = `4:memory:/docker/${id}\n2:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n`;
    expect(folder(v1, cgroup, 'memory')).toEqual({ version: 1, path: `/sys/fs/cgroup/memory/docker/${id}` });
    expect(folder(v1, cgroup, 'cpuacct')).toEqual({ version: 1, path: `/sys/fs/cgroup/cpu,cpuacct/docker/${id}` });
    expect(folder(v1, cgroup, 'pids')).toBeNull();
  });

  it('finds v2 folders of both drivers', () => {
    expect(folder(v2, `0::/docker/${id}\n`, 'memory')).toEqual({ version: 2, path: `/sys/fs/cgroup/docker/${id}` });
    const scope = `/system.slice/docker-${id}.scope`;
    expect(folder(v2, `0::${scope}\n`, 'memory')).toEqual({ version: 2, path: `/sys/fs/cgroup${scope}` });
  });

  it('takes what v1 has on a hybrid host, and the rest from v2', () => {
    const cgroup = `4:memory:/docker/${id}\n0::/docker/${id}\n`;
    expect(folder(hybrid, cgroup, 'memory')).toMatchObject({ version: 1 });
    expect(folder(hybrid, cgroup, 'pids')).toEqual({ version: 2, path: `/sys/fs/cgroup/unified/docker/${id}` });
    const unified = (mounts: string): unknown => unifiedFolder(parseMembership(cgroup), parseCgroupMounts(mounts));
    expect(unified(hybrid)).toBe(`/sys/fs/cgroup/unified/docker/${id}`);
    expect(unified(v1)).toBeNull();
  });

  it('stays inside of what it sees', () => {
    expect(folder(nested, '0::/docker/outer/kernel\n', 'memory')).toEqual({
      version: 2,
      path: '/sys/fs/cgroup/kernel',
    });
    expect(folder(nested, '0::/docker/outermost\n', 'memory')).toBeNull();
    expect(folder(v2, '0::/../../etc\n', 'memory')).toBeNull();
    expect(folder(v2, '0::/\n', 'memory')).toBeNull();
    expect(folder('', `0::/docker/${id}\n`, 'memory')).toBeNull();
    expect(folder(v2, 'nonsense\n', 'memory')).toBeNull();
  });
});
