import { afterAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import { type ApiDocument, apiReferencePage } from './api-page.ts';

const agent = await FakeAgent.start();
afterAll(() => agent[Symbol.asyncDispose]());
const app = createApp({ agent, version: '1.2.3', logger: silentLogger });
const document = (await (await app.request('/v1/openapi.json')).json()) as ApiDocument;
const page = apiReferencePage(document);

describe('the page of the API', () => {
  it('has a section for every operation and every document', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) expect(page).toContain(`### \`${method.toUpperCase()} ${path}\`\n`);
    }
    for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`\n### ${name}\n`);
  });

  it('links only to documents that it has', () => {
    const anchors = new Set(Object.keys(document.components.schemas).map((name) => name.toLowerCase()));
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter((anchor) => !anchors.has(anchor ?? ''))).toEqual([]);
  });

  it('tells bounds, defaults, alternatives and how a stream goes on', () => {
    expect(page).toContain('| `cpus`, optional | number above 0 to 1000000 |');
    expect(page).toContain('| `path` | query, optional | string; default `"."`. Below');
    expect(page).toContain('| `interpreter`, optional | `"eager"` \\| `"lazy"`; default `"eager"` |');
    expect(page).toMatch(/`kind`: `"waiting-input"`, `prompt`: string, `password`: boolean/);
    expect(page.match(/\| `Last-Event-ID` \| header, optional \|/g)).toHaveLength(2);
  });

  it('has only rows of as many cells as their table', () => {
    const lines = page.split('\n');
    const bars = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    lines.forEach((line, index) => {
      const before = lines[index - 1] ?? '';
      if (line.startsWith('|') && before.startsWith('|')) expect([line, bars(line)]).toEqual([line, bars(before)]);
    });
  });
});
