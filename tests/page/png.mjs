// Makes screenshots small, by a palette of 256 colours: the page has few.

import { deflateSync, inflateSync } from 'node:zlib';

export function smaller(png) {
  const { width, height, depth, pixels } = decoded(png);
  const counts = new Map();
  for (let at = 0; at < pixels.length; at += depth) {
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = chosen(counts);
  const index = new Map(palette.map((colour, at) => [colour, at]));
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += depth) {
      const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
      if (!index.has(colour)) index.set(colour, nearest(palette, colour));
      lines[y * (width + 1) + 1 + x] = index.get(colour);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const parts = [
    chunk('IHDR', head),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([png.subarray(0, 8), ...parts]);
}

/** The most frequent colour of each group of similar colours, for the 256 most frequent groups. */
function chosen(counts) {
  const groups = new Map();
  for (const [colour, count] of counts) {
    const group = (colour >> 3) & 0x1f1f1f;
    const held = groups.get(group) ?? { colour, most: 0, count: 0 };
    if (count > held.most) Object.assign(held, { colour, most: count });
    held.count += count;
    groups.set(group, held);
  }
  return [...groups.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, 256)
    .map((group) => group.colour);
}

function nearest(palette, colour) {
  let best = 0;
  let least = Infinity;
  palette.forEach((other, at) => {
    const parts = [16, 8, 0].map((shift) => ((other >> shift) & 255) - ((colour >> shift) & 255));
    const distance = parts.reduce((sum, part) => sum + part * part, 0);
    if (distance < least) [best, least] = [at, distance];
  });
  return best;
}

/** Decodes a PNG of eight bits a channel that is not interlaced, as browsers write it. */
function decoded(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const depth = png[25] === 6 ? 4 : 3;
  const data = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const lines = inflateSync(Buffer.concat(data));
  const stride = width * depth;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = lines[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const left = x < depth ? 0 : pixels[y * stride + x - depth];
      const up = y === 0 ? 0 : pixels[(y - 1) * stride + x];
      const corner = x < depth || y === 0 ? 0 : pixels[(y - 1) * stride + x - depth];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[y * stride + x] = lines[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return { width, height, depth, pixels };
}

function paeth(left, up, corner) {
  const near = (value) => Math.abs(left + up - corner - value);
  if (near(left) <= near(up) && near(left) <= near(corner)) return left;
  return near(up) <= near(corner) ? up : corner;
}

function chunk(kind, data) {
  const whole = Buffer.alloc(data.length + 12);
  whole.writeUInt32BE(data.length, 0);
  whole.write(kind, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(sum(whole.subarray(4, data.length + 8)), data.length + 8);
  return whole;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function sum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
