// Every compiled setting has a reader: a field of src/config/settings.ts that no code outside of src/config/ reads is
// configuration without an effect, and belongs into src/config/ignored-keys.ts. A planted field without a reader has to
// be found, so that this cannot succeed by seeing nothing.
import { dirname, join, sep } from 'node:path';
import ts from 'typescript';

const root = dirname(import.meta.dirname);
const settingsFile = join(root, 'src', 'config', 'settings.ts');
const plantedField = 'plantedWithoutReader';
/** Values that travel as a whole, under types of their users too, and what is known of settings beside their values. */
const leftOut = new Set(['HostPort', 'PortRange', 'UserIds', 'LoadedSettings']);

const { options, fileNames } = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), {}, ts.sys);
const host = ts.createCompilerHost(options);
const readFile = host.readFile.bind(host);
host.readFile = (name) => {
  const text = readFile(name);
  if (name !== settingsFile) return text;
  return text.replace('export interface AgentSettings {', `$&\n  readonly ${plantedField}: string;`);
};
const program = ts.createProgram(
  fileNames.filter((name) => name.includes(`${sep}src${sep}`)),
  options,
  host,
);
const checker = program.getTypeChecker();

/** Declarations of fields with their names, such as `AgentSettings.tls.enabled`. */
const fields = new Map();
const fieldNames = new Set();
const collect = (node, path) => {
  if (ts.isInterfaceDeclaration(node) && leftOut.has(node.name.text)) return;
  let inside = ts.isInterfaceDeclaration(node) ? node.name.text : path;
  if (ts.isPropertySignature(node)) {
    inside = `${path}.${node.name.text}`;
    fields.set(node, inside);
    fieldNames.add(node.name.text);
  }
  ts.forEachChild(node, (child) => collect(child, inside));
};
collect(program.getSourceFile(settingsFile), '');

const read = new Set();
/** The field that a name means: read from a value, or out of a pattern. */
const symbolOf = (name) => {
  const { parent } = name;
  if (!ts.isBindingElement(parent)) return checker.getSymbolAtLocation(name);
  if (parent.propertyName !== undefined && parent.propertyName !== name) return undefined;
  return checker.getTypeAtLocation(parent.parent).getProperty(name.text);
};
const visit = (node) => {
  if (ts.isIdentifier(node) && fieldNames.has(node.text)) {
    for (const declaration of symbolOf(node)?.declarations ?? []) read.add(declaration);
  }
  ts.forEachChild(node, visit);
};
for (const file of program.getSourceFiles()) {
  const isReader =
    file.fileName.startsWith(join(root, 'src')) && !file.fileName.startsWith(join(root, 'src', 'config'));
  if (isReader && !/\.test\.ts$/.test(file.fileName)) visit(file);
}

const unread = [...fields].filter(([declaration]) => !read.has(declaration)).map(([, name]) => name);
const found = unread.filter((name) => !name.endsWith(`.${plantedField}`));
for (const name of found) console.log(`${name} is compiled, and nothing outside of src/config/ reads it`);
if (found.length === unread.length) console.log('a planted field without a reader was not found');
console.log(`${fields.size - 1} fields, ${found.length} without a reader`);
process.exit(found.length === 0 && unread.length === 1 ? 0 : 1);
