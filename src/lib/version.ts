/** The version of this program, from the package's own description. */
import description from '../../package.json' with { type: 'json' };

/** In the form `MAJOR.MINOR.PATCH`, as in the package. */
export const version: string = description.version;
