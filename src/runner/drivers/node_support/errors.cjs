/** What is told of an error: as Node's own console does, without the frames of the driver. */
'use strict';
const util = require('node:util');

const longestMessage = 4096;

/** An uncaught value, whose own way to show itself may fail. */
function describeError(error) {
  try {
    return `Uncaught ${util.inspect(error)}`;
  } catch {
    return `Uncaught ${util.inspect(error, { customInspect: false })}`;
  }
}

/** The class of an error and its text; anything can be thrown. */
function nameAndMessage(error) {
  try {
    const { name, message } = error;
    if (typeof name === 'string' && typeof message === 'string') {
      return { name, message: message.slice(0, longestMessage) };
    }
  } catch {
    // It is none, or a getter of the user's fails.
  }
  return { name: 'Error', message: describeError(error).slice('Uncaught '.length, longestMessage) };
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

module.exports = { cutStacks, describeError, describeSyntaxError, nameAndMessage };
