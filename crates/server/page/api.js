// Talking to the server.

/** Why a request failed; status 0 when there was no answer at all. */
export class Trouble extends Error {
  constructor(status, detail, wait) {
    super(detail || `status ${status}`);
    this.status = status;
    this.wait = wait;
  }
}

let token = null;
try { token = sessionStorage.getItem('token'); } catch { /* asked for again */ }

/** Shows the server a token from now on, as long as this tab is open. */
export function useToken(text) {
  token = text;
  try { sessionStorage.setItem('token', text); } catch { /* asked for again */ }
}

/** A request; `onSent` is told how much of the body is sent, 0 to 1. */
function ask(method, address, { body, onSent, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = 'json';
    if (token) request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.onload = () => {
      const answer = request.response;
      if (request.status === 200 && answer) return resolve(answer);
      const wait = Number(request.getResponseHeader('Retry-After')) || 0;
      reject(new Trouble(request.status, answer?.detail, wait));
    };
    request.onerror = () => reject(new Trouble(0));
    request.onabort = () => reject(new DOMException('', 'AbortError'));
    if (onSent) {
      request.upload.onprogress = (sent) => sent.lengthComputable && onSent(sent.loaded / sent.total);
    }
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

/** The same, once more after the wait that a busy server asks for, if it is short. */
async function patiently(method, address, options) {
  try {
    return await ask(method, address, options);
  } catch (trouble) {
    if (trouble.status !== 503 || trouble.wait > 3) throw trouble;
    await new Promise((resolve) => setTimeout(resolve, 1000 * (trouble.wait + Math.random())));
    options.signal?.throwIfAborted();
    return ask(method, address, options);
  }
}

/** What is served. */
export const service = () => ask('GET', 'v1/service');

/** The products most like photos of one thing; `filters` has the names that the address takes. */
export function similar(photos, filters, top, options) {
  const form = new FormData();
  photos.forEach((photo, at) => form.append('photo', photo, `photo-${at + 1}.jpg`));
  const query = new URLSearchParams({ top, ...filters });
  return patiently('POST', `v1/similar?${query}`, { ...options, body: form });
}

/** The products most like a product. */
export const similarTo = (id, top, options) =>
  patiently('GET', `v1/products/${encodeURIComponent(id)}/similar?top=${top}`, options);

/** Shows a picture of the server's, or of the web. Pictures that need a token are fetched with it. */
export async function showPicture(image, address, size) {
  const own = address.startsWith('/v1/');
  const at = own ? `${address.slice(1)}?size=${size}` : address;
  if (!own || !token) {
    image.src = at;
    return;
  }
  const answer = await fetch(at, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) return image.dispatchEvent(new Event('error'));
  image.src = URL.createObjectURL(await answer.blob());
  image.onload = () => URL.revokeObjectURL(image.src);
}
