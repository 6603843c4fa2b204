import { describe, expect, it } from 'vitest';
import { type EnvironmentParts, promote, rootEnvironment, tenantEnvironment } from './environment.ts';

const parts = (change: Partial<EnvironmentParts> = {}): EnvironmentParts => ({
  container: new Map(),
  session: [],
  user: { name: 'work', shell: '/bin/bash', uid: 1000, gid: 1001 },
  home: '/home/work',
  exists: () => false,
  ...change,
});

describe('the environment of the tenant', () => {
  it('has what every program needs, in an image that has nothing', () => {
    expect(tenantEnvironment(parts())).toEqual({
      LANG: 'C.UTF-8',
      HOME: '/home/work',
      TERM: 'xterm',
      USER: 'work',
      LOGNAME: 'work',
      PWD: '/home/work',
      LOCAL_USER_ID: '1000',
      LOCAL_GROUP_ID: '1001',
      PATH: '/home/work/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      SHELL: '/bin/bash',
    });
  });

  it('takes the session over what is fixed, and that over the image', () => {
    const environ = tenantEnvironment(
      parts({
        container: new Map([
          ['LANG', 'de_DE'],
          ['SHELL', '/bin/zsh'],
          ['A', 'image'],
          ['B', 'image'],
        ]),
        session: [
          ['TERM', 'dumb'],
          ['A', 'two\nlines = 2'],
          ['LD_PRELOAD', '/x.so'],
          ['NODE_OPTIONS', '--inspect'],
        ],
      }),
    );
    expect(environ).toMatchObject({
      ...{ LANG: 'C.UTF-8', SHELL: '/bin/zsh', TERM: 'dumb', A: 'two\nlines = 2', B: 'image' },
      ...{ LD_PRELOAD: '/x.so', NODE_OPTIONS: '--inspect' },
    });
  });

  it('has nothing of what the container’s first process says of itself', () => {
    const names = ['USER', 'PWD', 'OLDPWD', 'SHLVL', '_', 'MAIL', 'HOME'];
    const environ = tenantEnvironment(parts({ container: new Map(names.map((name) => [name, 'root'])) }));
    expect(Object.values(environ)).not.toContain('root');
  });

  it('puts the folders that exist to the front of PATH, each once', () => {
    const present = new Set(['/usr/local/cuda/bin', '/home/linuxbrew/.linuxbrew']);
    const { PATH } = tenantEnvironment(
      parts({ session: [['PATH', '/a:/usr/local/cuda/bin::/b']], exists: (path) => present.has(path) }),
    );
    expect(PATH).toBe('/home/work/.local/bin:/home/linuxbrew/.linuxbrew/bin:/usr/local/cuda/bin:/a:/b');
    expect(promote('', '/x')).toBe('/x');
  });
});

it('the environment of what runs as root has nothing that loads code', () => {
  const dangerous = [
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'PYTHONPATH',
    'PERL5LIB',
    'RUBYOPT',
    'BASH_ENV',
    'ENV',
    'IFS',
    'PS4',
  ];
  const harmless = ['PATH', 'ENVIRONMENT', 'LDAP', 'MY_LD_PRELOAD'];
  const given = new Map([...dangerous, ...harmless].map((name) => [name, 'x']));
  expect(Object.keys(rootEnvironment(given))).toEqual(harmless);
});
