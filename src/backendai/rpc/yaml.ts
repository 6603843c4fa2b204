/** The only module that imports `yaml`: documents of plain data. */
import { parse } from 'yaml';

const maxAliases = 100;

/** The value of a document. Throws an error that names line and column. */
export function parseYaml(text: string): unknown {
  return parse(text, { maxAliasCount: maxAliases });
}
