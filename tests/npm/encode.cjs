// Encodes texts with the Rust library, for the tests and benchmarks that compare with it.
//   node encode.cjs TOKENIZER.json agree   texts in on stdin, ids out on stdout, batch by batch
//   node encode.cjs TOKENIZER.json time N  texts in on stdin; then the seconds of the best of N runs over all of them, and the tokens, as JSON
// In: of each text its length in bytes (u32, little-endian) and its UTF-8; 0xFFFFFFFF ends a batch. Out: of each text the number of ids and the ids (u32).
const fs = require('fs');
const path = require('path');
const { Tokenizer } = require(path.join(__dirname, 'cache', '@anush008', 'tokenizers@0.6.0', 'node_modules', '@anush008', 'tokenizers'));

const END = 0xffffffff;
let waiting = Buffer.alloc(0);

function read(count) {
  const parts = [waiting];
  let have = waiting.length;
  while (have < count) {
    const chunk = Buffer.alloc(1 << 20);
    let got = 0;
    try {
      got = fs.readSync(0, chunk, 0, chunk.length, null);
    } catch (e) {
      if (e.code === 'EAGAIN') continue;
      if (e.code !== 'EOF') throw e;
    }
    if (got === 0) return null;
    parts.push(chunk.subarray(0, got));
    have += got;
  }
  const all = Buffer.concat(parts);
  waiting = all.subarray(count);
  return all.subarray(0, count);
}

function batch() {
  const texts = [];
  for (;;) {
    const head = read(4);
    if (head === null) return texts.length ? texts : null;
    const length = head.readUInt32LE(0);
    if (length === END) return texts;
    texts.push(length === 0 ? '' : read(length).toString('utf8'));
  }
}

function write(buffer) {
  for (let at = 0; at < buffer.length;) {
    try {
      at += fs.writeSync(1, buffer, at);
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e;
    }
  }
}

async function agree(tokenizer) {
  for (let texts = batch(); texts !== null; texts = batch()) {
    const rows = (await tokenizer.encodeBatch(texts, { addSpecialTokens: true })).map(e => e.getIds());
    const out = Buffer.alloc(4 * rows.reduce((sum, ids) => sum + 1 + ids.length, 0));
    let at = 0;
    for (const ids of rows) {
      at = out.writeUInt32LE(ids.length, at);
      for (const id of ids) at = out.writeUInt32LE(id, at);
    }
    write(out);
  }
}

async function time(tokenizer, runs) {
  const texts = batch();
  let best = Infinity, tokens = 0;
  for (let run = 0; run < runs; run++) {
    const start = process.hrtime.bigint();
    tokens = 0;
    for (const text of texts) tokens += (await tokenizer.encode(text)).getLength();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e9);
  }
  console.log(JSON.stringify({ seconds: best, tokens }));
}

const [file, mode, runs] = process.argv.slice(2);
const tokenizer = Tokenizer.fromFile(file);
tokenizer.disableTruncation();
tokenizer.disablePadding();
(mode === 'time' ? time(tokenizer, Number(runs)) : agree(tokenizer)).catch(e => {
  console.error(e);
  process.exit(1);
});
