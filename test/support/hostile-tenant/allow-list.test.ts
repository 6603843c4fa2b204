import { describe, expect, it } from 'vitest';
import { allowedForTenants, parseAllowList } from './allow-list.ts';

const list = parseAllowList(`# of nothing in particular

read /proc/{meminfo,stat}     # the machine's own
read /sys/class/**            # what hardware there is
!read /sys/class/secret/**    # never
write /proc/self/*            # settings of the process
[member] capability CHOWN: a  # images rely on it
`);

describe('an allow-list', () => {
  it('lets through what a line names, by its words, its patterns and its kind of kernel', () => {
    const open = ['read /proc/meminfo', 'read /sys/class/a/b', 'write /proc/self/comm', 'capability CHOWN: a'];
    expect(list.unexpected(open, 'member')).toEqual([]);
    expect(list.unexpected(open, 'bridge')).toEqual(['capability CHOWN: a']);
  });

  it('tells of everything else, however near it comes', () => {
    const open = [
      'read /proc/meminf',
      'read /proc/meminfo2',
      'write /proc/self/a/b',
      'Read /proc/stat',
      'xread /proc/stat',
    ];
    expect(list.unexpected(open, 'member')).toEqual(open);
    expect(list.unexpected(['read /sys/class/secret/key'], 'member')).toEqual(['read /sys/class/secret/key']);
  });

  it('has a reason on every line', () => {
    expect(() => parseAllowList('read /proc/stat')).toThrow('line 1 of the allow-list has no reason');
    expect(() => parseAllowList('\nread /proc/stat  # ')).toThrow('line 2');
    allowedForTenants();
  });
});
