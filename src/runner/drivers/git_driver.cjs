/**
 * Answers the commands that clients of Git's terminal send as queries (spec kernel-runner 16.4): `%ping`,
 * `%resize ROWS COLUMNS` and `%show graph PATH`. It runs on the volume's Node.
 *
 *   argv: the path of git, or nothing; behind a `=`, so that Node takes it for no option (src/lib/node-process.ts).
 */
'use strict';
const { execFile } = require('node:child_process');
const process = require('node:process');
const { promisify } = require('node:util');
const { serveQueries } = require('./query_support/serve_queries.cjs');

const git = (process.argv[2] ?? '=').slice(1);
const graphType = 'application/vnd.sorna.gitgraph';
/** Of a repository with a long history the newest are shown. */
const maxCommits = 2000;
const maxOutputBytes = 64 * 1024 * 1024;
const run = promisify(execFile);

/** What Git prints for a repository. */
async function ask(path, args, signal) {
  const options = { maxBuffer: maxOutputBytes, signal };
  try {
    return (await run(git, ['-C', path, ...args], options)).stdout;
  } catch (error) {
    throw new Error(error.stderr?.trim() || error.message);
  }
}

/** The words of a line as a shell has them; an open quote reaches to the end. */
function wordsOf(line) {
  const words = line.match(/(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|[^\s"'\\])+/g) ?? [];
  return words.map((word) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"?|'([^']*)'?|\\(.)/g, (_, double, single, escaped) =>
      double === undefined ? (single ?? escaped) : double.replaceAll(/\\(["\\$`])/g, '$1'),
    ),
  );
}

/**
 * The commits of all branches, oldest first. A commit belongs to the branch on whose own line, that of first parents, it
 * is: the current branch comes first, then the others by name; what only a merge brought in belongs to the branch of that.
 */
async function graphOf(path, signal) {
  const format = '%H%x00%P%x00%an%x00%B%x00';
  const log = await ask(
    path,
    ['log', '--branches', 'HEAD', '--date-order', `-${maxCommits}`, `--format=${format}`],
    signal,
  );
  const fields = log.split('\0');
  const commits = [];
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [oid, parents, author, message] = fields.slice(at, at + 4);
    commits.push({
      oid: oid.trim(),
      parent_ids: parents.split(' ').filter(Boolean),
      author,
      message: message.trimEnd(),
    });
  }
  const heads = await ask(
    path,
    ['for-each-ref', '--format=%(HEAD)%(objectname) %(refname:short)', 'refs/heads'],
    signal,
  );
  const branches = heads
    .split('\n')
    .filter(Boolean)
    .sort((a, b) => (a[0] === b[0] ? 0 : a[0] === '*' ? -1 : 1));
  const byId = new Map(commits.map((commit) => [commit.oid, commit]));
  const branchOf = new Map();
  for (const line of branches) {
    const [, tip, branch] = /^.(\S+) (.*)$/.exec(line);
    for (let oid = tip; byId.has(oid) && !branchOf.has(oid); oid = byId.get(oid).parent_ids[0])
      branchOf.set(oid, branch);
  }
  // Children come before their parents in this order.
  for (const { oid, parent_ids } of commits) {
    if (!branchOf.has(oid)) branchOf.set(oid, null);
    for (const parent of parent_ids) {
      if (!branchOf.has(parent)) branchOf.set(parent, branchOf.get(oid));
    }
  }
  return commits
    .map((commit) => ({
      ...commit,
      branch: branchOf.get(commit.oid),
      parent_branches: commit.parent_ids.map((parent) => branchOf.get(parent) ?? null),
    }))
    .reverse();
}

/** Terminals of kernels have the size of the window that shows them, so this changes none. */
function resize(words) {
  const [rows, columns] = words.map(Number);
  if (words.length !== 2 || ![rows, columns].every((size) => Number.isInteger(size) && size > 0)) return null;
  return `OK; terminal resized to ${rows} lines and ${columns} columns`;
}

serveQueries(async (code, { show, signal }) => {
  const [command, ...words] = code.startsWith('%') ? wordsOf(code.slice(1)) : [];
  if (command === 'ping') {
    process.stdout.write('pong!');
    return 0;
  }
  if (command === 'resize') {
    const told = resize(words);
    if (told !== null) {
      process.stdout.write(told);
      return 0;
    }
  }
  if (command === 'show' && words[0] === 'graph' && words.length === 2) {
    if (git === '') throw new Error('this image has no git');
    show(graphType, JSON.stringify(await graphOf(words[1], signal)));
    return 0;
  }
  process.stderr.write('Invalid command.\n');
  return 127;
});
