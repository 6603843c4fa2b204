import { describe, expect, it } from 'vitest';
import { dataFolders, noKernel } from './kernel-choice.ts';

describe('the folders of kernelspecs', () => {
  it('are those of Jupyter, in its order, with the places of what is on PATH', () => {
    const environ = { HOME: '/home/work', PATH: '/opt/conda/bin:/usr/bin:/sbin', JUPYTER_PATH: '/a::relative:/b' };
    expect(dataFolders(environ, ['/opt/R'])).toEqual([
      '/a',
      '/b',
      '/home/work/.local/share/jupyter',
      '/opt/R/share/jupyter',
      '/opt/conda/share/jupyter',
      '/usr/share/jupyter',
      '/usr/local/share/jupyter',
    ]);
    expect(dataFolders({ HOME: '/h', XDG_DATA_HOME: '/x' }, [])[0]).toBe('/x/jupyter');
    expect(dataFolders({ HOME: '/h', JUPYTER_DATA_DIR: '/d', XDG_DATA_HOME: '/x' }, [])[0]).toBe('/d');
  });
});

describe('an image without the kernel that is wanted', () => {
  it('has other ways where a language is wanted, and none for a name', () => {
    expect(noKernel({ language: 'go' }, [])).toEqual({
      ...{ ev: 'unable', isMissing: true },
      reason: 'this image has no Jupyter kernel of go; it has none',
    });
    expect(noKernel({ name: 'ir' }, ['bash', 'python3'])).toEqual({
      ...{ ev: 'unable', isMissing: false },
      reason: 'this image has no Jupyter kernel "ir"; it has bash, python3',
    });
  });
});
