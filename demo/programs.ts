/** The programs that the tour sends. */

/** A hand-made PNG: a gradient of 96 × 64 pixels, shown by `_repr_png_`. */
export const picture = `import struct, zlib
class Gradient:
    def _repr_png_(self, width=96, height=64):
        rows = b''.join(b'\\0' + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, 128)) for y in range(height))
        chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>2I5B', width, height, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
Gradient()`;

/** Prints ten ticks in two seconds. */
export const counting = `import time
for tick in range(10):
    print("tick", tick + 1)
    time.sleep(0.2)`;

/** A program of three files. */
export const cMain = `#include "greet.h"
int main(int argc, char **argv) {
  greet(argc > 1 ? argv[1] : "world");
  return 0;
}
`;
export const cGreet = `#include <stdio.h>
#include "greet.h"
void greet(const char *name) { printf("Hello, %s, from C\\n", name); }
`;
export const cHeader = 'void greet(const char *name);\n';
