import { describe, expect, it } from 'vitest';
import { editGroup, editPasswd, editShadow } from './user-setup.ts';

const user = { name: 'work', uid: 1000, gid: 1000, home: '/home/work', shell: '/bin/bash' };
const line = 'work:x:1000:1000:User work:/home/work:/bin/bash\n';

describe('the user databases', () => {
  it('are made where an image has none', () => {
    expect(editPasswd('', user)).toBe(line);
    expect(editGroup('', user)).toBe('work:x:1000:\n');
    expect(editShadow('', user)).toBe('work:*:19000:0:99999:7:::\n');
  });

  it('keep the lines of others, and have no second one of the uid, nor of a name of an earlier start', () => {
    const before = 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nwork:x:1001:1001::/:/bin/sh';
    expect(editPasswd(before, user)).toBe(`root:x:0:0::/root:/bin/sh\n${line}`);
    expect(editGroup('root:x:0:\nwork:x:1001:\n', user)).toBe('root:x:0:\nwork:x:1000:\n');
  });

  it('leave a group that has the gid its name, and a shadow line its password', () => {
    expect(editGroup('node:x:1000:a,b\n', user)).toBe('node:x:1000:a,b\n');
    expect(editShadow('work:$6$hash:1::::::\n', user)).toBe('work:$6$hash:1::::::\n');
  });

  it('come out the same when they are edited again', () => {
    for (const edit of [editGroup, editPasswd, editShadow]) {
      const once = edit('root:x:0:0::/root:/bin/sh\n', user);
      expect(edit(once, user)).toBe(once);
    }
  });
});
