// The API's documentation, rendered from /openapi.json.

import { make } from './cards.js';

const byId = (id) => document.getElementById(id);

/** A type in a few words, with a link to it if it has a name. */
function type(schema) {
  if (!schema) return 'nothing';
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    return make('a', { href: `#${name}` }, name);
  }
  const kinds = [schema.type ?? []].flat().filter((kind) => kind !== 'null');
  if (schema.type === 'array' || kinds.includes('array')) return make('span', {}, 'list of ', type(schema.items));
  const choice = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choice) {
    const parts = choice.filter((one) => one.type !== 'null').map(type);
    return make('span', {}, ...parts.flatMap((part, at) => (at ? [' or ', part] : [part])));
  }
  return schema.enum ? schema.enum.join(', ') : kinds.join(' or ') || 'anything';
}

const table = (rows) => make('table', {}, make('tbody', {}, ...rows.map((cells) =>
  make('tr', {}, ...cells.map((cell) => make('td', {}, cell))))));

const fold = (id, open, summary, ...inner) => make('details', { id, open },
  make('summary', {}, ...summary), make('div', { className: 'inner' }, ...inner));

function operation(path, method, { summary, description, parameters = [], requestBody, responses }) {
  const rows = parameters.map((one) => [
    make('code', {}, one.name),
    make('span', {}, type(one.schema), one.required ? ', required' : '', ` – ${one.description ?? ''}`),
  ]);
  const bodies = Object.entries(requestBody?.content ?? {}).map(([kind, { schema }]) => [make('code', {}, kind), type(schema)]);
  const answers = Object.entries(responses).map(([status, answer]) => {
    const content = Object.values(answer.content ?? {})[0];
    return [make('code', {}, status), make('span', {}, `${answer.description} – `, content ? type(content.schema) : 'no body')];
  });
  return fold(null, false,
    [make('b', {}, method.toUpperCase()), make('code', {}, path), make('span', {}, summary ?? '')],
    make('p', {}, description ?? ''),
    ...(rows.length ? [make('h4', {}, 'Parameters'), table(rows)] : []),
    ...(bodies.length ? [make('h4', {}, 'Body'), make('p', {}, requestBody.description ?? ''), table(bodies)] : []),
    make('h4', {}, 'Answers'), table(answers));
}

function schema(name, { description, properties = {}, ...rest }) {
  const rows = Object.entries(properties).map(([key, value]) => [
    make('code', {}, key),
    make('span', {}, type(value), value.description ? ` – ${value.description}` : ''),
  ]);
  return fold(name, false, [make('code', {}, name), make('span', {}, description ?? '')],
    rows.length ? table(rows) : make('p', {}, type(rest)));
}

async function show() {
  const description = await (await fetch('openapi.json')).json();
  byId('description').textContent = description.info.description;
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, details] of Object.entries(methods)) byId('paths').append(operation(path, method, details));
  }
  for (const [name, details] of Object.entries(description.components.schemas)) byId('schemas').append(schema(name, details));
  const examples = [['curl', 'search.sh'], ['Python', 'search.py'], ['JavaScript', 'search.mjs'], ['curl, for the shop', 'upsert.sh']];
  for (const [title, file] of examples) {
    const text = await (await fetch(`page/examples/${file}`)).text();
    byId('examples').append(fold(null, title === 'curl', [make('b', {}, title), make('code', {}, file)], make('pre', {}, text)));
  }
  const open = () => { const named = byId(location.hash.slice(1)); if (named) named.open = true; };
  addEventListener('hashchange', open);
  open();
}

show();
