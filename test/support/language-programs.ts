/**
 * For the matrix of languages: one program in each, which does what the lines of its standard input say, and ends with 0 at
 * their end. `say TEXT` prints `said TEXT`, `copy` writes what is in `in.txt` to `out.txt`, `on` prints `on` and waits for a
 * minute, and `fail` ends with 4.
 */
import type { ImageRecipeName } from '../../src/protocol/runtimes.ts';
import type { Depth } from './depth.ts';

/** A language, and how the matrix tries it. */
export interface LanguageProgram {
  readonly type: string;
  readonly image: ImageRecipeName;
  /** From which depth on it is tried where its image is not there yet. */
  readonly from: Depth;
  readonly file: string;
  readonly program: string;
  /** Something that cannot be built; null where a batch builds nothing. */
  readonly wrong: string | null;
  /** Of queries that keep state: one, and what it prints. By default the program is the query. */
  readonly query?: readonly [code: string, stdout: string];
}

const c = (
  read: string,
  print: string,
  includes: readonly string[],
) => `${includes.map((name) => `#include <${name}>`).join('\n')}
int main() {
  static char line[4096], text[65536];
  setvbuf(stdout, 0, _IOLBF, 0);
  while (${read}) {
    line[strcspn(line, "\\n")] = 0;
    if (!strncmp(line, "say ", 4)) ${print}
    else if (!strcmp(line, "copy")) {
      FILE *in = fopen("in.txt", "r"), *out = fopen("out.txt", "w");
      size_t size = fread(text, 1, sizeof text, in);
      fwrite(text, 1, size, out);
      fclose(out);
    } else if (!strcmp(line, "on")) { puts("on"); fflush(stdout); sleep(60); }
    else if (!strcmp(line, "fail")) return 4;
  }
  return 0;
}
`;

/** In the order of the page. */
export const languagePrograms: readonly LanguageProgram[] = [
  {
    type: 'python',
    image: 'python',
    from: 'quick',
    file: 'main.py',
    wrong: null,
    query: ['a = "é 🎉"\nprint("said", a)', 'said é 🎉\n'],
    program: `import sys, time
while True:
    try:
        line = input()
    except EOFError:
        break
    if line.startswith("say "): print("said", line[4:])
    elif line == "copy": open("out.txt", "w").write(open("in.txt").read())
    elif line == "on": print("on", flush=True); time.sleep(60)
    elif line == "fail": sys.exit(4)
`,
  },
  {
    type: 'nodejs',
    image: 'nodejs',
    from: 'quick',
    file: 'main.js',
    wrong: null,
    query: ['const a = "é 🎉"; console.log("said", a)', 'said é 🎉\n'],
    program: `const fs = require('node:fs');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (line.startsWith('say ')) console.log('said ' + line.slice(4));
  else if (line === 'copy') fs.copyFileSync('in.txt', 'out.txt');
  else if (line === 'on') { console.log('on'); setTimeout(() => {}, 60_000); }
  else if (line === 'fail') process.exit(4);
});
`,
  },
  {
    type: 'typescript',
    image: 'typescript',
    from: 'full',
    file: 'main.ts',
    wrong: null,
    query: ['const a: string = "é 🎉"; console.log("said", a)', 'said é 🎉\n'],
    program: `import { copyFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
createInterface({ input: process.stdin }).on('line', (line: string): void => {
  if (line.startsWith('say ')) console.log('said ' + line.slice(4));
  else if (line === 'copy') copyFileSync('in.txt', 'out.txt');
  else if (line === 'on') { console.log('on'); setTimeout(() => {}, 60_000); }
  else if (line === 'fail') process.exit(4);
});
`,
  },
  {
    type: 'c',
    image: 'gcc',
    from: 'quick',
    file: 'main.c',
    wrong: 'int main() { return nowhere; }',
    program: c('fgets(line, sizeof line, stdin)', 'printf("said %s\\n", line + 4);', [
      ...['stdio.h', 'string.h', 'unistd.h'],
    ]),
  },
  {
    type: 'cpp',
    image: 'gcc',
    from: 'quick',
    file: 'main.cpp',
    wrong: 'int main() { return nowhere; }',
    program: c('std::cin.getline(line, sizeof line)', 'std::cout << "said " << line + 4 << std::endl;', [
      ...['cstdio', 'cstring', 'iostream', 'unistd.h'],
    ]),
  },
  {
    type: 'shell',
    image: 'shell',
    from: 'quick',
    file: 'main.sh',
    wrong: null,
    query: ['a="é 🎉"; echo "said $a"', 'said é 🎉\n'],
    program: `while read -r line; do
  case $line in
    'say '*) echo "said \${line#say }" ;;
    copy) cat in.txt >out.txt ;;
    on) echo on; sleep 60 ;;
    fail) exit 4 ;;
  esac
done
`,
  },
  {
    type: 'golang',
    image: 'golang',
    from: 'nightly',
    file: 'main.go',
    wrong: 'package main\n\nfunc main() { nowhere() }\n',
    program: `package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "say "):
			fmt.Println("said", line[4:])
		case line == "copy":
			text, _ := os.ReadFile("in.txt")
			os.WriteFile("out.txt", text, 0o644)
		case line == "on":
			fmt.Println("on")
			time.Sleep(time.Minute)
		case line == "fail":
			os.Exit(4)
		}
	}
}
`,
  },
  {
    type: 'rust',
    image: 'rust',
    from: 'nightly',
    file: 'main.rs',
    wrong: 'fn main() { nowhere() }\n',
    program: `use std::io::BufRead;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if let Some(text) = line.strip_prefix("say ") {
            println!("said {}", text);
        } else if line == "copy" {
            std::fs::copy("in.txt", "out.txt").unwrap();
        } else if line == "on" {
            println!("on");
            std::thread::sleep(std::time::Duration::from_secs(60));
        } else if line == "fail" {
            std::process::exit(4);
        }
    }
}
`,
  },
  {
    type: 'java',
    image: 'java',
    from: 'nightly',
    file: 'Main.java',
    wrong: 'public class Main { public static void main(String[] args) { nowhere(); } }\n',
    program: `import java.nio.file.*;
import java.util.Scanner;

public class Main {
  public static void main(String[] args) throws Exception {
    Scanner lines = new Scanner(System.in, "UTF-8");
    java.io.PrintStream out = new java.io.PrintStream(System.out, true, "UTF-8");
    while (lines.hasNextLine()) {
      String line = lines.nextLine();
      if (line.startsWith("say ")) out.println("said " + line.substring(4));
      else if (line.equals("copy")) Files.copy(Path.of("in.txt"), Path.of("out.txt"), StandardCopyOption.REPLACE_EXISTING);
      else if (line.equals("on")) { out.println("on"); Thread.sleep(60_000); }
      else if (line.equals("fail")) System.exit(4);
    }
  }
}
`,
  },
  {
    type: 'php',
    image: 'scripting',
    from: 'full',
    file: 'main.php',
    wrong: null,
    program: `<?php
while (($line = fgets(STDIN)) !== false) {
  $line = rtrim($line, "\\n");
  if (str_starts_with($line, 'say ')) echo 'said ', substr($line, 4), "\\n";
  elseif ($line === 'copy') copy('in.txt', 'out.txt');
  elseif ($line === 'on') { echo "on\\n"; sleep(60); }
  elseif ($line === 'fail') exit(4);
}
`,
  },
  {
    type: 'lua',
    image: 'scripting',
    from: 'full',
    file: 'main.lua',
    wrong: null,
    program: `for line in io.lines() do
  if line:sub(1, 4) == "say " then print("said " .. line:sub(5))
  elseif line == "copy" then
    local text = io.open("in.txt"):read("a")
    local out = io.open("out.txt", "w")
    out:write(text)
    out:close()
  elseif line == "on" then
    print("on")
    io.flush()
    local until_time = os.time() + 60
    while os.time() < until_time do end
  elseif line == "fail" then os.exit(4)
  end
end
`,
  },
  {
    type: 'r',
    image: 'r',
    from: 'full',
    file: 'main.R',
    wrong: null,
    query: ['a <- "é 🎉"; cat("said ", a, "\\n", sep = "")', 'said é 🎉\n'],
    program: `input <- file("stdin")
open(input)
while (length(line <- readLines(input, n = 1)) > 0) {
  if (startsWith(line, "say ")) cat("said ", substring(line, 5), "\\n", sep = "")
  else if (line == "copy") file.copy("in.txt", "out.txt", overwrite = TRUE)
  else if (line == "on") { cat("on\\n"); Sys.sleep(60) }
  else if (line == "fail") quit(status = 4)
}
`,
  },
  {
    type: 'octave',
    image: 'octave',
    from: 'nightly',
    file: 'main.m',
    wrong: null,
    program: `while true
  line = fgetl(stdin);
  if (! ischar(line)) break; end
  if (strncmp(line, "say ", 4)) printf("said %s\\n", line(5:end)); fflush(stdout);
  elseif (strcmp(line, "copy")) copyfile("in.txt", "out.txt");
  elseif (strcmp(line, "on")) printf("on\\n"); fflush(stdout); pause(60);
  elseif (strcmp(line, "fail")) exit(4); end
end
`,
  },
  {
    type: 'scheme',
    image: 'scripting',
    from: 'full',
    file: 'main.scm',
    wrong: null,
    program: `(define (copy)
  (let ((text (call-with-input-file "in.txt" (lambda (port) (read-string 65536 port)))))
    (call-with-output-file "out.txt" (lambda (port) (write-string text port)))))
(let loop ((line (read-line)))
  (if (not (eof-object? line))
      (begin
        (cond ((string-prefix? "say " line)
               (write-string (string-append "said " (substring line 4 (string-length line)) "\\n")))
              ((string=? line "copy") (copy))
              ((string=? line "on") (write-string "on\\n") (flush-output)
               (let wait () (wait)))
              ((string=? line "fail") (exit 4)))
        (loop (read-line)))))
`,
  },
  {
    type: 'haskell',
    image: 'haskell',
    from: 'nightly',
    file: 'main.hs',
    wrong: 'main :: IO ()\nmain = nowhere\n',
    program: `import Control.Concurrent (threadDelay)
import Data.List (stripPrefix)
import System.Exit
import System.IO

main :: IO ()
main = do
  hSetBuffering stdout LineBuffering
  ended <- isEOF
  if ended then return () else getLine >>= obey >> main

obey :: String -> IO ()
obey line = case stripPrefix "say " line of
  Just text -> putStrLn ("said " ++ text)
  Nothing -> case line of
    "copy" -> readFile "in.txt" >>= writeFile "out.txt"
    "on" -> putStrLn "on" >> threadDelay 60000000
    "fail" -> exitWith (ExitFailure 4)
    _ -> return ()
`,
  },
];
