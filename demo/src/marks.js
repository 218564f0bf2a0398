// What a file says of its picture, as generate.py says it: how it was drawn, and that a program drew it.

const PNG_HEAD_BYTES = 33; // the signature, and the first chunk
// Of WebM, the names of parts.
const SEGMENT = [0x18, 0x53, 0x80, 0x67];
const LIST = [0x11, 0x4d, 0x9b, 0x74];
const TAGS = [0x12, 0x54, 0xc3, 0x67];
const VOID = 0xec;
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75];

const utf8 = (text) => new TextEncoder().encode(text);
function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
const bigEndian = (number) => [number >>> 24, number >>> 16, number >>> 8, number].map((one) => one & 0xff);

/** Returns what is to be said of what a state shows, for JSON; null for a generator that does not say what it is. */
export function markOf({ mark, label_size, label_names }, state) {
  if (!mark) return null;
  const { view, seed, other, position, label } = state;
  const said = { ...mark, seeds: String(seed) };
  if (view !== 'picture') said.view = view;
  if (view === 'between') Object.assign(said, { seeds: `${seed},${other}`, position });
  if (label_size && (label !== null || view === 'picture')) {
    const number = label ?? seed % label_size;
    said.classes = [number];
    if (label_names?.length) said.class_names = [label_names[number]];
  }
  const along = view === 'picture' ? state.strengths.map((_, i) => i).filter((i) => state.strengths[i]) : [];
  if (along.length) {
    said.direction = along.map((i) => `closed_form:${i}`).join();
    said.strength = along.map((i) => state.strengths[i]);
  }
  return said;
}

const escaped = (text) => text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

const xmp = (said) => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:pgan="urn:pgan-tf:mark:1">
<Iptc4xmpExt:DigitalSourceType>${said.digital_source_type}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>${escaped(said.program)}</xmp:CreatorTool>
<pgan:mark>${escaped(JSON.stringify(said))}</pgan:mark>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`;

/** Returns the checksum of a PNG chunk, CRC-32. */
export function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  }
  return ~crc >>> 0;
}

/** Returns a PNG chunk with a text in UTF-8. */
function textChunk(keyword, text) {
  const body = joined(utf8('iTXt'), utf8(keyword), [0, 0, 0, 0, 0], utf8(text)); // neither packed nor translated
  return joined(bigEndian(body.length - 4), body, bigEndian(crc32(body)));
}

/** Returns a PNG file that says something. */
export function markPng(bytes, said) {
  if (!said) return bytes;
  const chunks = [
    ['Software', said.program],
    ['Source', 'drawn by a trained generator'],
    ['pgan-tf', JSON.stringify(said)],
    ['XML:com.adobe.xmp', xmp(said)],
  ].map(([keyword, text]) => textChunk(keyword, text));
  return joined(bytes.slice(0, PNG_HEAD_BYTES), ...chunks, bytes.slice(PNG_HEAD_BYTES));
}

/** Returns an element of a WebM file; its size takes eight bytes. */
const element = (id, ...contents) => {
  const body = joined(...contents);
  return joined(id, [1, 0, 0, 0], bigEndian(body.length), body);
};

const indexOf = (bytes, part) => {
  for (let at = bytes.indexOf(part[0]); at >= 0; at = bytes.indexOf(part[0], at + 1)) {
    if (part.every((one, i) => bytes[at + i] === one)) return at;
  }
  return -1;
};

/**
 * Returns a WebM file with a comment, as browsers record it. If the file knows its size, the comment
 * comes last, and takes its place in the list of parts from the empty room after that; else it comes
 * before the pictures. Files that are made in another way stay as they are.
 */
export function markWebm(bytes, said) {
  const [segment, cluster] = [indexOf(bytes, SEGMENT), indexOf(bytes, CLUSTER)];
  if (!said || segment < 0 || cluster < 0) return bytes;
  const comment = element([0x67, 0xc8], element([0x45, 0xa3], utf8('COMMENT')), element([0x44, 0x87], utf8(JSON.stringify(said))));
  const tags = element(TAGS, element([0x73, 0x73], element([0x63, 0xc0]), comment));
  const begin = segment + 12; // its name, and a size of eight bytes
  if (bytes[segment + 4] !== 1) return bytes;
  const size = new DataView(bytes.buffer, bytes.byteOffset + segment + 8, 4).getUint32();
  if (size === 0xffffffff) return joined(bytes.subarray(0, cluster), tags, bytes.subarray(cluster));
  const entry = joined([0x4d, 0xbb, 0x8e, 0x53, 0xab, 0x84], TAGS, [0x53, 0xac, 0x84], bigEndian(size));
  const listed = bytes[begin + 4] & 0x7f;
  const empty = begin + 5 + listed;
  const room = bytes[empty + 1] & 0x7f;
  const fits = listed + entry.length < 0x7f && room >= entry.length && room < 0x7f;
  if (indexOf(bytes.subarray(begin, begin + 4), LIST) || bytes[empty] !== VOID || !fits || begin + size !== bytes.length) return bytes;
  return joined(
    ...[bytes.subarray(0, segment + 8), bigEndian(size + tags.length), LIST, [0x80 | (listed + entry.length)]],
    ...[bytes.subarray(begin + 5, empty), entry, [VOID, 0x80 | (room - entry.length)]],
    ...[bytes.subarray(empty + 2 + entry.length), tags],
  );
}
