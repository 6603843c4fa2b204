import { describe, expect, it } from 'vitest';
import { countFrom, mappedUsers, readContainerUsers, sameUsers } from './container-users.ts';

describe('users of containers', () => {
  it('are themselves on the host where the engine changes no ids', async () => {
    expect(await readContainerUsers(null)).toBe(sameUsers);
    expect(sameUsers.onHost({ uid: 1000, gid: 100 })).toEqual({ uid: 1000, gid: 100 });
  });

  it('have ids of a range where the engine gives them one, and nobody outside of it is given a file', () => {
    const users = mappedUsers({ uid: 231_072, gid: 300_000 }, { uids: 65_536, gids: 1_000 });
    expect(users.root).toEqual({ uid: 231_072, gid: 300_000 });
    expect(users.onHost({ uid: 1000, gid: 999 })).toEqual({ uid: 232_072, gid: 300_999 });
    for (const user of [
      { uid: 65_536, gid: 0 },
      { uid: 0, gid: 1_000 },
    ]) {
      expect(() => users.onHost(user)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
    }
  });

  it('are as many as the table of the system says', () => {
    const table = 'alice:100000:65536\ndockremap:165536:1000\n# no range\n165536:165536:2000\n';
    expect(countFrom(165_536, table)).toBe(2000);
    expect(countFrom(100_000, table)).toBe(65_536);
    expect(countFrom(7, table)).toBeNull();
  });
});
