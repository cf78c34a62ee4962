// Searches for the products most similar to a photo, in Node.js or a browser.
//
//   node search.mjs photo.jpg [http://127.0.0.1:8080]
//
// LOOKALIKE_TOKEN is the read token, if the server needs one.

import { readFile } from 'node:fs/promises';

/** Searches by a photo (a Blob, a Buffer or a File); several photos of one object are better than one. */
async function similar(server, photos, { top = 3, token } = {}) {
  const form = new FormData();
  for (const photo of photos) form.append('photo', new Blob([photo]));
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`${server}/v1/similar?top=${top}`, { method: 'POST', headers, body: form });
  const content = await answer.json();
  if (!answer.ok) throw new Error(`${content.title}: ${content.detail}`);
  return content;
}

const [photo, server = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const answer = await similar(server, [await readFile(photo)], { token: process.env.LOOKALIKE_TOKEN });
console.log(`${answer.verdict}, ${answer.took_ms.toFixed(0)} ms`);
for (const { rank, similarity, product } of answer.matches) {
  console.log(`${rank}. ${product.name} (${product.id}), similarity ${similarity.toFixed(3)}`);
}
