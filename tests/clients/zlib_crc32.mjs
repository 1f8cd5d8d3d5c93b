// aimock wants zlib.crc32 (Node.js 20.15); Debian 12 has Node.js 18. There this file takes the place of node:zlib.
export * from "node:zlib";
export { default } from "node:zlib";

const table = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});

export function crc32(data, start = 0) {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  let value = ~start;
  for (const byte of bytes) {
    value = table[(value ^ byte) & 255] ^ (value >>> 8);
  }
  return ~value >>> 0;
}

// The resolve hook of module.register().
export function resolve(specifier, context, next) {
  if (/^(node:)?zlib$/.test(specifier) && context.parentURL !== import.meta.url) {
    return { url: import.meta.url, format: "module", shortCircuit: true };
  }
  return next(specifier, context);
}
