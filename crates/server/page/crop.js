// The frame around the object to search for: by finger, mouse and keyboard.

/** Smallest side of a frame, and how far a key moves it, in fractions of the photo's sides. */
const SMALLEST = 0.06;
const STEP = 0.03;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export const WHOLE_FRAME = Object.freeze({ x: 0, y: 0, width: 1, height: 1 });

export const isWhole = ({ width, height }) => width > 0.995 && height > 0.995;

/** A frame that can be drawn on a stage. `onChange` is called with every change, `onDone` when one ends. */
export class Frame {
  constructor(stage, box, { onChange, onDone }) {
    Object.assign(this, { stage, box, onChange, onDone });
    this.value = { x: 0, y: 0, width: 1, height: 1 };
    stage.addEventListener('pointerdown', (event) => this.#begin(event));
    box.addEventListener('keydown', (event) => this.#key(event));
  }

  set(value) {
    this.value = { ...value };
    const { x, y, width, height } = value;
    const { style } = this.box;
    style.left = `${100 * x}%`;
    style.top = `${100 * y}%`;
    style.width = `${100 * width}%`;
    style.height = `${100 * height}%`;
    this.box.classList.toggle('whole', isWhole(value));
  }

  #change(value) {
    this.set(value);
    this.onChange(this.value);
  }

  #point(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return {
      x: clamp((event.clientX - left) / width, 0, 1),
      y: clamp((event.clientY - top) / height, 0, 1),
    };
  }

  #begin(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    this.box.focus({ preventScroll: true, focusVisible: false });
    const start = this.#point(event);
    const before = { ...this.value };
    const follow = this.#way(event.target, start, before);
    let moved = false;
    const move = (next) => {
      const point = this.#point(next);
      // A tap is not a frame.
      moved ||= Math.hypot(point.x - start.x, point.y - start.y) > 0.015;
      if (moved) this.#change(follow(point));
    };
    const end = () => {
      this.stage.removeEventListener('pointermove', move);
      if (moved) this.onDone(this.value);
    };
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener('pointermove', move);
    this.stage.addEventListener('lostpointercapture', end, { once: true });
  }

  /** How the frame follows the pointer: a corner is pulled, the frame is moved, or a new one drawn. */
  #way(target, start, before) {
    const { x, y, width, height } = before;
    if (target.tagName === 'I') {
      const west = /w/.test(target.className);
      const north = /n/.test(target.className);
      return spanned({ x: west ? x + width : x, y: north ? y + height : y });
    }
    const inside = start.x > x && start.x < x + width && start.y > y && start.y < y + height;
    if (inside && !isWhole(before)) {
      return (point) => ({
        width,
        height,
        x: clamp(x + point.x - start.x, 0, 1 - width),
        y: clamp(y + point.y - start.y, 0, 1 - height),
      });
    }
    return spanned(start);
  }

  #key(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    let { x, y, width, height } = this.value;
    if (event.key === 'Escape') {
      [x, y, width, height] = [0, 0, 1, 1];
    } else if (event.key in steps) {
      const [dx, dy] = steps[event.key];
      if (event.shiftKey) {
        width = clamp(width + dx, SMALLEST, 1 - x);
        height = clamp(height + dy, SMALLEST, 1 - y);
      } else {
        x = clamp(x + dx, 0, 1 - width);
        y = clamp(y + dy, 0, 1 - height);
      }
    } else {
      return;
    }
    event.preventDefault();
    this.#change({ x, y, width, height });
    this.onDone(this.value);
  }
}

/** The frame between a fixed corner and the pointer. */
function spanned(corner) {
  const side = (from, to) => {
    const length = Math.max(Math.abs(to - from), SMALLEST);
    const start = to < from ? from - length : from;
    return [clamp(start, 0, 1 - length), length];
  };
  return (point) => {
    const [x, width] = side(corner.x, point.x);
    const [y, height] = side(corner.y, point.y);
    return { x, y, width, height };
  };
}
