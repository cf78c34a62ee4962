// A shopper's photos: read, cropped and shrunk in the browser, so that little is sent.

import { WHOLE_FRAME as WHOLE } from './crop.js';

/** Longest side that is kept for cutting out, and longest side that is sent, in pixels. */
const KEPT = 2400;
const SENT = 1024;

/** Reads a file; upright, as its camera says. Fails where the browser cannot. */
export async function open(file) {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, KEPT / Math.max(picture.width, picture.height));
  const canvas = draw(picture, WHOLE, scale);
  picture.close();
  const address = URL.createObjectURL(await jpeg(canvas, 0.85));
  return { canvas, address, frame: { ...WHOLE } };
}

/** A file that the browser cannot read, for the server to try: as it is. */
export const unread = (file) => ({ file, address: null, frame: { ...WHOLE } });

export function close(photo) {
  if (photo.address) URL.revokeObjectURL(photo.address);
}

/** What is sent of a photo: the part in its frame, shrunk. */
export async function cutOut({ file, canvas, frame }) {
  if (file) return file;
  const longest = Math.max(canvas.width * frame.width, canvas.height * frame.height);
  return jpeg(draw(canvas, frame, Math.min(1, SENT / longest)), 0.9);
}

function draw(picture, frame, scale) {
  const part = {
    x: frame.x * picture.width,
    y: frame.y * picture.height,
    width: Math.max(1, frame.width * picture.width),
    height: Math.max(1, frame.height * picture.height),
  };
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(part.width * scale));
  canvas.height = Math.max(1, Math.round(part.height * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  // Cut-out pictures hide arbitrary colours under what is transparent.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, part.x, part.y, part.width, part.height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const jpeg = (canvas, quality) => new Promise((resolve, reject) => {
  canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/jpeg', quality);
});
