/** What is said of an error on standard error: as Node's own console does, without the frames of the driver. */
'use strict';
const util = require('node:util');

/** An uncaught value. */
function describeError(error) {
  return `Uncaught ${util.inspect(error)}`;
}

/** Code that is none: the line, the place, the reason, like Node for a file. */
function describeSyntaxError(error, details, code, name) {
  const line = code.split('\n')[details.lineNumber];
  const place = line === undefined ? '' : `${line}\n${' '.repeat(Math.max(0, details.columnNumber))}^\n\n`;
  return `${name}:${details.lineNumber + 1}\n${place}Uncaught SyntaxError: ${error?.message ?? details.text}`;
}

/** Cuts the stacks of user code where the driver called it, for user code that looks at them too. */
function cutStacks() {
  Error.prepareStackTrace = (error, frames) => {
    const end = frames.findIndex((frame) => frame.getFileName() === 'node:inspector');
    const shown = end < 0 ? frames : frames.slice(0, end);
    let text;
    try {
      text = `${error}`;
    } catch {
      text = 'Error';
    }
    return [text, ...shown.map((frame) => `    at ${frame}`)].join('\n');
  };
}

module.exports = { cutStacks, describeError, describeSyntaxError };
