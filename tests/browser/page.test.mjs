// The shoppers' page in a real Chromium.
//
// SERVER is the address of a running server, PHOTOS a folder of photos to search for, CHROMIUM the
// browser. SCREENSHOTS, a folder, gets a picture of every state; without it a temporary one does.

import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const { SERVER, PHOTOS, CHROMIUM = 'chromium' } = process.env;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const DESKTOP = { viewport: { width: 1440, height: 900 } };

let browser;
let photos;
let pictures;

before(async () => {
  const executablePath = CHROMIUM.includes('/') ? CHROMIUM : `/usr/bin/${CHROMIUM}`;
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  photos = (await readdir(PHOTOS)).sort().map((name) => join(PHOTOS, name));
  pictures = process.env.SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'lookalike-page-')));
});

after(() => browser?.close());

/** A page that fails its test when a script, a policy or a file of the server's does. */
async function visit(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`${error}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(SERVER);
  await page.waitForFunction(() => document.getElementById('about').textContent);
  const end = async (allowed = /^$/) => {
    assert.deepEqual(faults.filter((fault) => !allowed.test(fault)), []);
    // What is still asked for behind an answer.
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  };
  const shot = (name) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  return { page, end, shot };
}

const search = (page, files) => page.setInputFiles('#files', files);
const cards = (page) => page.locator('.card:not(.blank)');
const found = (page) => cards(page).first().waitFor();

/** Whether it is about the objects in a photo, which are detected after every search. */
const forObjects = (request) => request.url().includes('objects=true');

/** Does something that searches, and waits for the answer. */
async function answered(page, act) {
  const answer = page.waitForResponse((response) => /\/similar(\?|$)/.test(response.url()) && !forObjects(response));
  await act();
  assert.equal((await answer).status(), 200);
}

async function picturesAreThere(page) {
  await page.waitForFunction(() => [...document.querySelectorAll('.card img')]
    .filter((image) => image.getBoundingClientRect().top < innerHeight)
    .every((image) => image.complete && image.naturalWidth > 0));
}

test('a photo chosen on a phone is answered with cards', async () => {
  const { page, end, shot } = await visit({ ...PHONE, locale: 'ko-KR' });
  assert.equal(await page.locator('h1').textContent(), '사진으로 찾기');
  await shot('phone-ko-start');
  await search(page, photos[0]);
  await found(page);
  await picturesAreThere(page);
  await shot('phone-ko-answer');
  const first = cards(page).first();
  assert.match(await first.locator('.prices').innerText(), /₩|원/);
  assert.match(await first.locator('.prices').innerText(), /\d,\d{3}/);
  assert.match(await first.locator('.rating').innerText(), /리뷰 [\d,]+개/);
  assert.match(await page.locator('#live').textContent(), /찾았어요/);
  assert.ok((await first.locator('.evidence img').count()) > 0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `the page is ${wide} pixels wide`);
  await end();
});

test('a frame drawn by mouse and by keys searches for a part', async () => {
  const { page, end, shot } = await visit({ ...DESKTOP, locale: 'en-GB' });
  await search(page, photos[1]);
  await found(page);
  const sizes = [];
  page.on('request', (request) => request.url().includes('/v1/similar') && !forObjects(request) && sizes.push(request.postDataBuffer()?.length ?? 0));
  const { x, y, width, height } = await page.locator('#stage').boundingBox();
  const draw = async () => {
    await page.mouse.move(x + 0.25 * width, y + 0.2 * height);
    await page.mouse.down();
    await page.mouse.move(x + 0.5 * width, y + 0.5 * height);
    await page.mouse.move(x + 0.75 * width, y + 0.8 * height);
    await page.mouse.up();
  };
  await answered(page, draw);
  await found(page);
  await picturesAreThere(page);
  const frame = await page.locator('#frame').evaluate((node) => [node.style.left, node.style.width].map(parseFloat));
  assert.ok(Math.abs(frame[0] - 25) < 2 && Math.abs(frame[1] - 50) < 3, `${frame}`);
  await shot('desktop-en-frame');
  await answered(page, async () => {
    await page.locator('#frame').focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Shift+ArrowDown');
  });
  assert.match(await page.locator('#frame').getAttribute('aria-label'), /22 % from the left/);
  await answered(page, () => page.locator('#whole').click());
  assert.equal(await page.locator('#whole').isVisible(), false);
  assert.equal(sizes.length, 3);
  await end();
});

test('each object in a photo has a dot, and its own products', async () => {
  const { page, end, shot } = await visit({ ...PHONE, locale: 'ko-KR' });
  await search(page, photos.at(-1));
  await found(page);
  await page.locator('.object').first().waitFor();
  const dots = await page.locator('.object').count();
  assert.ok(dots >= 2, `${dots} dots`);
  assert.match(await page.locator('#live').textContent(), /물건 \d+개/);
  await picturesAreThere(page);
  await shot('phone-ko-objects');
  const asked = [];
  page.on('request', (request) => request.url().includes('/similar') && asked.push(request.url()));
  const names = new Set();
  for (let at = 0; at < dots; at += 1) {
    await page.locator('.object').nth(at).click();
    assert.equal(await page.locator('.object').nth(at).getAttribute('aria-pressed'), 'true');
    names.add(await cards(page).first().locator('h3').textContent());
  }
  assert.ok(names.size >= 2, 'other products for another object');
  assert.deepEqual(asked, [], 'they are known already');
  assert.equal(await page.locator('#whole').isVisible(), true);
  await picturesAreThere(page);
  await shot('phone-ko-object');
  await answered(page, () => page.locator('#whole').click());
  await page.locator('.object').first().waitFor();
  assert.equal(await page.locator('.object[aria-pressed="true"]').count(), 0);
  await end();
});

test('a price narrows the search, and all products are a tap away', async () => {
  const { page, end, shot } = await visit({ ...PHONE, locale: 'en-GB' });
  await search(page, photos[0]);
  await found(page);
  const { price_range: prices } = await page.evaluate(() => fetch('v1/service').then((answer) => answer.json()));
  const limit = Math.round((prices.min + prices.max) / 2);
  await answered(page, async () => {
    await page.fill('#price-max', String(limit));
    await page.keyboard.press('Enter');
  });
  await found(page);
  const shown = await page.locator('.card .prices strong').allTextContents();
  assert.ok(shown.length > 0);
  for (const price of shown) assert.ok(Number(price.replace(/[^\d.]/g, '')) <= limit, `${price} above ${limit}`);
  await picturesAreThere(page);
  await shot('phone-en-price');
  await answered(page, async () => {
    await page.fill('#price-max', '');
    await page.fill('#price-min', String(2 * prices.max));
    await page.keyboard.press('Enter');
  });
  await answered(page, () => page.getByRole('button', { name: 'Look among all products' }).click());
  await found(page);
  assert.equal(await page.inputValue('#price-min'), '');
  await end();
});

test('several photos, a category, more of a product and the way back', async () => {
  const { page, end, shot } = await visit({ ...DESKTOP, locale: 'en-GB', colorScheme: 'dark' });
  await search(page, photos.slice(0, 2));
  await found(page);
  assert.equal(await page.locator('#strip .small:not(.plus)').count(), 2);
  await page.getByRole('button', { name: 'Remove this photo (2)' }).click();
  await found(page);
  assert.equal(await page.locator('#strip .small:not(.plus)').count(), 1);
  const category = await page.locator('#category option').nth(1).getAttribute('value');
  await answered(page, () => page.selectOption('#category', category));
  await found(page);
  for (const text of await page.locator('.card .category').allTextContents()) {
    assert.ok(text.split(' › ').join('/').startsWith(category), text);
  }
  await answered(page, () => page.selectOption('#category', ''));
  await found(page);
  await picturesAreThere(page);
  await shot('desktop-dark-answer');
  const name = await cards(page).nth(1).locator('h3').textContent();
  await answered(page, () => cards(page).nth(1).locator('.more').click());
  await found(page);
  assert.equal(await page.locator('#seed-name').textContent(), name);
  assert.ok(!(await page.locator('.card h3').allTextContents()).includes(name), 'not itself');
  await picturesAreThere(page);
  await shot('desktop-dark-more');
  await answered(page, () => page.locator('#back').click());
  await found(page);
  assert.equal(await page.locator('#mine').isVisible(), true);
  await page.locator('.evidence').first().click();
  assert.equal(await page.locator('dialog').isVisible(), true);
  await page.keyboard.press('Escape');
  await page.locator('#restart').click();
  assert.equal(await page.locator('#drop').isVisible(), true);
  await end();
});

test('what cannot be read, a busy shop and no shop are told kindly', async () => {
  const { page, end, shot } = await visit({ ...PHONE, locale: 'en-US' });
  await search(page, { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no photo') });
  await page.locator('#trouble').waitFor();
  assert.match(await page.locator('#trouble').innerText(), /cannot be read/);
  await shot('phone-en-unreadable');
  await page.locator('#restart').click();
  await search(page, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
  assert.match(await page.locator('#trouble').innerText(), /not a photo/);
  await page.route('**/v1/similar*', (route) => route.fulfill({ status: 429, headers: { 'Retry-After': '9' }, json: {} }));
  await search(page, photos[0]);
  await page.getByText('That was very quick').waitFor();
  await page.unroute('**/v1/similar*');
  await page.route('**/v1/similar*', (route) => route.abort());
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('no connection').waitFor();
  await page.unroute('**/v1/similar*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await found(page);
  assert.equal(await page.locator('#trouble').isVisible(), false);
  await end(/status of (422|429)|ERR_FAILED/);
});

test('a weak match and an empty category are said so', async () => {
  const { page, end, shot } = await visit({ ...PHONE, locale: 'ko-KR' });
  const change = (how) => page.route('**/v1/similar*', async (route) => {
    if (forObjects(route.request())) return route.continue();
    const answer = await (await route.fetch()).json();
    await route.fulfill({ json: how(answer) });
  });
  await change((answer) => ({ ...answer, verdict: 'weak' }));
  await search(page, photos[2]);
  await found(page);
  assert.match(await page.locator('#doubt').innerText(), /확실하지 않아요/);
  await picturesAreThere(page);
  await shot('phone-ko-weak');
  await page.unrouteAll({ behavior: 'wait' });
  await change((answer) => ({ ...answer, verdict: 'none', matches: [] }));
  await page.locator('#category').selectOption({ index: 1 });
  await page.getByRole('button', { name: '전체 상품에서 찾기' }).waitFor();
  await shot('phone-ko-none');
  await end();
});

test('the language is chosen by the browser, then by the shopper', async () => {
  const { page, end, shot } = await visit({ ...DESKTOP, locale: 'fr-FR' });
  assert.equal(await page.locator('h1').textContent(), 'Find it by photo');
  await page.getByRole('button', { name: '한국어' }).click();
  assert.equal(await page.locator('html').getAttribute('lang'), 'ko');
  assert.equal(await page.locator('h1').textContent(), '사진으로 찾기');
  await shot('desktop-ko-start');
  await page.reload();
  assert.equal(await page.locator('h1').textContent(), '사진으로 찾기', 'remembered');
  await end();
});

test('photos can be pasted and dropped', async () => {
  const { page, end } = await visit({ ...DESKTOP, locale: 'en-GB' });
  const give = (kind) => page.evaluate(async (kind) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 200 });
    const context = canvas.getContext('2d');
    context.fillStyle = 'teal';
    context.fillRect(40, 40, 120, 90);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const data = new DataTransfer();
    data.items.add(new File([blob], 'pasted.png', { type: 'image/png' }));
    const event = kind === 'paste'
      ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
      : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
  }, kind);
  await give('paste');
  await found(page);
  await give('drop');
  await page.waitForFunction(() => document.querySelectorAll('#strip .small:not(.plus)').length === 2);
  await found(page);
  await end();
});

test('everything can be reached by keyboard and has a name', async () => {
  const { page, end } = await visit({ ...DESKTOP, locale: 'en-GB' });
  await search(page, photos[0]);
  await found(page);
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, a, select, input:not([hidden]), [tabindex="0"]')]
    .filter((node) => node.checkVisibility())
    .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length || node.querySelector('img[alt]:not([alt=""])')))
    .map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
  await page.evaluate(() => document.activeElement?.blur());
  const reached = new Set();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
  }
  for (const wanted of ['frame', 'category', 'cover', 'evidence', 'primary', 'secondary']) {
    assert.ok(reached.has(wanted), `${wanted}: ${[...reached]}`);
  }
  await end();
});

test('the documentation shows itself without the network', async () => {
  const { page, end, shot } = await visit({ ...DESKTOP, locale: 'en-GB' });
  await page.goto(`${SERVER}/docs`);
  await page.getByText('/v1/batch').first().waitFor();
  await page.locator('#examples pre').first().waitFor();
  await page.locator('#paths summary').first().click();
  await shot('docs');
  await end();
});
