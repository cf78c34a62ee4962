// Requests to the server.

/** Why a request failed; status 0 when there was no response. */
export class RequestError extends Error {
  constructor(status, detail, wait) {
    super(detail || `status ${status}`);
    this.status = status;
    this.wait = wait;
  }
}

let token = null;
try { token = sessionStorage.getItem('token'); } catch { /* the page asks for it again */ }

/** Sends a token with every request from now on, as long as this tab is open. */
export function useToken(text) {
  token = text;
  try { sessionStorage.setItem('token', text); } catch { /* the page asks for it again */ }
}

/** Sends a request; `onSent` is called with the fraction of the body that is sent, 0 to 1. */
function send(method, address, { body, onSent, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = 'json';
    if (token) request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.onload = () => {
      const answer = request.response;
      if (request.status === 200 && answer) return resolve(answer);
      const wait = Number(request.getResponseHeader('Retry-After')) || 0;
      reject(new RequestError(request.status, answer?.detail, wait));
    };
    request.onerror = () => reject(new RequestError(0));
    request.onabort = () => reject(new DOMException('', 'AbortError'));
    if (onSent) {
      request.upload.onprogress = (sent) => sent.lengthComputable && onSent(sent.loaded / sent.total);
    }
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

/** Sends a request, and once more after `Retry-After` when the server is busy, if that is short. */
async function withRetry(method, address, options) {
  try {
    return await send(method, address, options);
  } catch (trouble) {
    if (trouble.status !== 503 || trouble.wait > 3) throw trouble;
    await new Promise((resolve) => setTimeout(resolve, 1000 * (trouble.wait + Math.random())));
    options.signal?.throwIfAborted();
    return send(method, address, options);
  }
}

/** The index, categories and limits. */
export const service = () => send('GET', 'v1/service');

/** The products most similar to photos of one object; `filters` are query parameters. */
export function similar(photos, filters, top, options) {
  const form = new FormData();
  photos.forEach((photo, at) => form.append('photo', photo, `photo-${at + 1}.jpg`));
  const query = new URLSearchParams({ top, ...filters });
  return withRetry('POST', `v1/similar?${query}`, { ...options, body: form });
}

/** The products most similar to a product. */
export const similarTo = (id, top, options) =>
  withRetry('GET', `v1/products/${encodeURIComponent(id)}/similar?top=${top}`, options);

/** Shows an image of this server, or of the web. Images that need a token are fetched with it. */
export async function showImage(image, address, size) {
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
