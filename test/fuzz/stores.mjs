// Damages kept observations: whole ones, and parts that wait for each other between passes.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { analyse, loadModel, observe, openStore, retainLayers } from '../../lib/index.js';
import { modelFile } from '../fixtures/models.mjs';
import { noise } from '../helpers/noise.mjs';
import { mutateBytes, mutateTree } from './mutate.mjs';

const pick = (random, list) => list[random.below(list.length)];

/** Levels in buffers, estimated, and in four passes. */
const BUDGETS = [
  { quantileThreshold: 0.05, scores: ['auprc'] },
  { quantileThreshold: 0.2, memory: 3000, approximate: true },
  { quantileThreshold: 0.2, memory: 3000 },
];
const OPTIONS = { images: false, decoys: 0, bootstrap: 0, forwardSize: 4, checkpoint: 0 };
const LENGTH = 12;
const SHARDS = ['1/2', '2/2'];

let seeds;

/** Stores as they should be, and their reports; made once. */
async function makeSeeds() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-fuzz-stores-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const model = await loadModel(modelFile('in_place_s.pt'), { device: 'cpu' });
  retainLayers(model, ['plain']);
  const kept = [];
  for (const [i, budget] of BUDGETS.entries()) {
    const [whole, parts, out] = ['whole', 'parts', 'out'].map(name => path.join(folder, `${name}-${i}`));
    await observe(model, noise(LENGTH), { ...OPTIONS, ...budget, store: whole });
    for (const shard of SHARDS)
      await observe(model, noise(LENGTH), { ...OPTIONS, ...budget, store: parts, shard });
    await analyse(out, await openStore(whole), { ...OPTIONS, scores: budget.scores });
    kept.push({ budget, whole, parts, report: fs.readFileSync(path.join(out, 'dissect.json'), 'utf8') });
  }
  return { model, kept };
}

/** Where a file's payload begins, and its checksum and size lie; blocks have theirs each. */
const HEAD = { payload: 56, checksum: 12, bytes: 16 };
const FIRST_BLOCK = { payload: 72, checksum: 56, bytes: 64 };

/** Changes what a checksum is of, and the checksum with it: what is read is then all that stands between. */
function sealed(bytes, random, { payload, checksum, bytes: size }) {
  if (bytes.length < payload) return bytes;
  const end = payload + Number(bytes.readBigUInt64LE(size));
  const inside = mutateBytes(bytes.subarray(payload, end), random);
  const out = Buffer.concat([bytes.subarray(0, payload), inside, bytes.subarray(end)]);
  out.writeUInt32LE(crc32(inside), checksum);
  out.writeBigUInt64LE(BigInt(inside.length), size);
  return out;
}

function sealedJson(text, random) {
  const { checksum, ...rest } = JSON.parse(text);
  const changed = mutateTree(rest, random);
  const again = createHash('sha256').update(JSON.stringify(changed)).digest('hex');
  return JSON.stringify({ ...changed, checksum: again });
}

/** A damaged one is refused, or is what it was; one whose checksums were made again only has to be read without harm. */
export async function stores(folder, random) {
  seeds ??= makeSeeds();
  const { model, kept } = await seeds;
  const { budget, whole, parts, report } = pick(random, kept);
  const store = path.join(folder, 'store');
  const shared = random.below(2) > 0;
  fs.cpSync(shared ? parts : whole, store, { recursive: true });
  const files = fs
    .readdirSync(store, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name !== 'writer')
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort();
  const file = pick(random, files);
  const name = path.basename(file);
  const bytes = fs.readFileSync(file);
  const isSealed = random.below(2) > 0;
  const change = {
    'store.json': () => sealedJson(bytes.toString(), random),
    blocks: () => sealed(bytes, random, FIRST_BLOCK),
  };
  fs.writeFileSync(
    file,
    isSealed ? (change[name] ?? (() => sealed(bytes, random, HEAD)))() : mutateBytes(bytes, random),
  );
  const options = { ...OPTIONS, ...budget, store };
  const goOn = shared || random.below(2);
  for (let round = 0; goOn && round < 5; round++)
    for (const shard of shared ? SHARDS : [undefined])
      await observe(model, noise(LENGTH), { ...options, shard });
  const out = path.join(folder, 'out');
  await analyse(out, await openStore(store), { ...OPTIONS, scores: budget.scores });
  if (!isSealed && fs.readFileSync(path.join(out, 'dissect.json'), 'utf8') !== report)
    throw new Error(`${name} is damaged, and the report is another`);
}
