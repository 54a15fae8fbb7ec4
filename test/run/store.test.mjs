// Observations that are kept: gone on with after any end, shared out, and analysed again, byte for byte as one run.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import test from 'ava';
import digest from '../../lib/base/digest.js';
import { analyse, dissect, loadModel, observe, openStore, retainLayers } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';
import { LENGTH, noise } from '../helpers/noise.mjs';
import { npyOf } from '../helpers/npy.mjs';
import { randomSource } from '../helpers/random.mjs';

const root = path.join(import.meta.dirname, '../..');

const OPTIONS = {
  quantileThreshold: 0.05,
  decoys: 2,
  bootstrap: 20,
  formulas: 2,
  images: false,
  checkpoint: 0,
};
/** Everything in memory; masks and labels spilled; levels in passes of 8 bits as well. */
const BUDGETS = {
  'in memory': {},
  spilled: { memory: 60_000 },
  'in four passes': { memory: 3000, quantileThreshold: 0.2 },
};

/** Every file of a folder with its bytes. */
function contents(folder) {
  const files = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile());
  return Object.fromEntries(
    files
      .map(file => path.join(file.parentPath, file.name))
      .sort()
      .map(file => [path.relative(folder, file), fs.readFileSync(file).toString('latin1')]),
  );
}

function sameFiles(t, one, other, message) {
  const [a, b] = [contents(one), contents(other)];
  t.deepEqual(Object.keys(a), Object.keys(b), message);
  t.true(Object.keys(a).length > 2);
  t.deepEqual(
    Object.keys(a).filter(file => a[file] !== b[file]),
    [],
    message,
  );
}

/** A model's file with one bit of one weight changed, and the checksums that this changes. */
function changeWeight(file, target) {
  const bytes = fs.readFileSync(file);
  const name = Buffer.from('/data/0');
  const at = bytes.indexOf(name);
  const local = bytes.lastIndexOf(Buffer.from('PK\x03\x04', 'latin1'), at);
  const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const entry = bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'), bytes.lastIndexOf(name));
  const data = bytes.subarray(begin, begin + bytes.readUInt32LE(entry + 24));
  const [before, after] = [Buffer.alloc(4), Buffer.alloc(4)];
  before.writeUInt32LE(crc32(data));
  data[1] ^= 1;
  after.writeUInt32LE(crc32(data));
  for (let i = bytes.indexOf(before); i >= 0; i = bytes.indexOf(before, i)) after.copy(bytes, i);
  fs.writeFileSync(target, bytes);
}

async function folders(t, ...names) {
  const folder = await temporaryFolder(t);
  return names.map(name => path.join(folder, name));
}

for (const [budget, more] of Object.entries(BUDGETS)) {
  const options = { ...OPTIONS, ...more };

  test(`a run that is kept is the same, and goes on from any image, ${budget}`, async t => {
    const [plain, kept, again, store] = await folders(t, 'plain', 'kept', 'again', 'store');
    const model = await openModel(t);
    await dissect(plain, model, noise(), options);
    for (let round = 0, stop = 3; ; round++, stop += 11) {
      const controller = new AbortController();
      const dataset = noise();
      const running = dissect(kept, model, dataset, {
        ...options,
        batchSize: 8,
        store,
        signal: controller.signal,
        onProgress: ({ phase, done }) => {
          if (phase === 'observe' && done >= stop) controller.abort(new Error('stop'));
        },
      });
      const ended = await running.then(
        () => true,
        error => {
          t.is(error.message, 'stop');
          t.false(fs.existsSync(path.join(kept, 'dissect.json')));
          return false;
        },
      );
      if (ended) {
        t.true(round > 2);
        break;
      }
    }
    sameFiles(t, kept, plain, budget);
    const dataset = noise();
    await dissect(again, model, dataset, { ...options, store });
    t.is(dataset.asked, 0, 'what is complete asks for no image');
    sameFiles(t, again, plain);
  });

  for (const of of [1, 2, 7, 100])
    test(`${of} shards in any order are the same as one run, ${budget}`, async t => {
      const [plain, merged, store] = await folders(t, 'plain', 'merged', 'store');
      const model = await openModel(t);
      await dissect(plain, model, noise(), options);
      const random = randomSource(of);
      const order = Array.from({ length: of }, (_, i) => i + 1).sort(() => random.uniform() - 0.5);
      for (let round = 0; ; round++) {
        let complete = true;
        for (const index of order) {
          const part = await observe(model, noise(), { ...options, store, shard: `${index}/${of}` });
          complete &&= part.complete;
          if (!part.complete) t.true(part.pass >= 1 && part.missing.length > 0);
        }
        if (round === 0 && of > 1) t.is(complete, budget !== 'in four passes');
        if (complete) break;
        t.true(round < 9);
      }
      await analyse(merged, await openStore(store), { ...options, quantileThreshold: undefined });
      sameFiles(t, merged, plain, `${of} shards, ${budget}`);
    });
}

test('analysed again: another threshold, a smaller quantile, fewer categories, other scores', async t => {
  const [store, one, other] = await folders(t, 'store', 'one', 'other');
  const model = await openModel(t);
  await observe(model, noise(), { ...OPTIONS, scores: ['auprc'], store });
  const cases = {
    threshold: { iouThreshold: 0.2 },
    quantile: { quantileThreshold: 0.02 },
    scores: { scores: ['phi', 'auprc'], formulas: 3, decoys: 4, bootstrap: 0, labelsPerUnit: 2 },
  };
  for (const [name, options] of Object.entries(cases)) {
    await dissect(one, model, noise(), { ...OPTIONS, ...options });
    await analyse(other, await openStore(store), { ...OPTIONS, quantileThreshold: undefined, ...options });
    sameFiles(t, other, one, name);
  }
  await dissect(one, model, noise(), { ...OPTIONS, labels: false });
  await analyse(other, await openStore(store), { ...OPTIONS, quantileThreshold: undefined, labels: false });
  sameFiles(t, other, one, 'no labels');
  const low = { ...noise(), labels: noise().labels.slice(0, 3), categories: ['low'] };
  await dissect(one, model, low, OPTIONS);
  await analyse(other, await openStore(store), {
    ...OPTIONS,
    quantileThreshold: undefined,
    categories: ['low'],
  });
  sameFiles(t, other, one, 'categories');
});

test('pictures need the images again, and are the same', async t => {
  const [store, plain, drawn, bare] = await folders(t, 'store', 'plain', 'drawn', 'bare');
  const model = await openModel(t);
  const options = { ...OPTIONS, images: true, examplesPerUnit: 3 };
  await dissect(plain, model, noise(), options);
  await observe(model, noise(), { ...options, store });
  await analyse(drawn, await openStore(store), {
    ...options,
    quantileThreshold: undefined,
    dataset: noise(),
  });
  sameFiles(t, drawn, plain);
  await analyse(bare, await openStore(store), { ...options, quantileThreshold: undefined });
  t.false(Object.keys(contents(bare)).some(file => file.includes('image')));
  await t.throwsAsync(analyse(bare, await openStore(store), { dataset: noise(LENGTH, 4) }), {
    message: /^expected the images that were observed, for the pictures, but received others/,
  });
  await t.throwsAsync(analyse(bare, await openStore(store), { dataset: noise(9) }), {
    message: /^expected the 45 images of 8×8 that were observed but received 9 of 8×8/,
  });
});

test('what was not kept is refused with the reason', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  await observe(await openModel(t), noise(), { ...OPTIONS, store });
  const kept = await openStore(store);
  const cases = [
    [
      { quantileThreshold: 0.1 },
      /^expected a quantile of at most 0.05, which was observed, but received 0.1/,
    ],
    [{ quantileThreshold: 0.0499999 }, /too few values, \d+, to tell a quantile/],
    [{ scores: ['auprc'] }, /^the score auprc needs the largest activations/],
    [
      { categories: ['middle'] },
      /^expected categories of low, high, which were observed, but received middle/,
    ],
  ];
  for (const [options, message] of cases)
    await t.throwsAsync(analyse(out, kept, options), { code: 'ERR_NETDISSECT_OPTION', message });
  t.false(fs.existsSync(out));
});

test('a store of something else is refused, naming the first difference', async t => {
  const [store] = await folders(t, 'store');
  const model = await openModel(t);
  await observe(model, noise(), { ...OPTIONS, store });
  const code = 'ERR_NETDISSECT_STORE';
  const refused = (given, dataset, message) =>
    t.throwsAsync(observe(model, dataset, { ...OPTIONS, ...given, store }), { code, message });
  await refused({ quantileThreshold: 0.01 }, noise(), /its quantile is 0.05, and here 0.01/);
  await refused({ forwardSize: 4 }, noise(), /its forward size is 8, and here 4/);
  await refused({}, noise(44), /its images is 45, and here 44/);
  await refused({}, noise(LENGTH, 4), /its list of images is another;/);
  await refused({}, { ...noise(), labels: noise().labels.slice(1) }, /its labels is /);
  const other = await openModel(t, ['last']);
  await t.throwsAsync(observe(other, noise(), { ...OPTIONS, store }), {
    code,
    message: /its layers 0 is "plain", and here "last"/,
  });
  // the same file elsewhere, and one with another weight
  const [copy, changed] = await folders(t, 'model.pt', 'changed.pt');
  const load = async file => {
    const loaded = await loadModel(file, { device: 'cpu' });
    t.teardown(() => loaded.close());
    retainLayers(loaded, ['plain']);
    return loaded;
  };
  fs.copyFileSync(model.path, copy);
  await t.notThrowsAsync(observe(await load(copy), noise(), { ...OPTIONS, store }));
  changeWeight(model.path, changed);
  await t.throwsAsync(observe(await load(changed), noise(), { ...OPTIONS, store }), {
    code,
    message: /its model is another;/,
  });
  await t.throwsAsync(observe(model, { ...noise(), fingerprint: undefined }, { ...OPTIONS, store }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /give the data set a fingerprint/,
  });
});

test('what only the report says may be another when a run goes on', async t => {
  const [store, plain, again, analysed] = await folders(t, 'store', 'plain', 'again', 'analysed');
  const model = await openModel(t);
  const renamed = { ...OPTIONS, netname: 'mine', meta: { accuracy: 0.9 } };
  await dissect(plain, model, noise(), renamed);
  await observe(model, noise(), { ...OPTIONS, store });
  await dissect(again, model, noise(), { ...renamed, store });
  sameFiles(t, again, plain);
  await analyse(analysed, await openStore(store), { ...OPTIONS, quantileThreshold: undefined });
  sameFiles(t, analysed, plain);
});

test('parts that say other things are refused until those are run again, which observes nothing anew', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  const model = await openModel(t);
  const part = async (shard, more) => {
    const dataset = noise();
    await observe(model, dataset, { ...OPTIONS, ...more, store, shard });
    return dataset.asked;
  };
  const command = { model: 'm.pt' };
  await part('1/2', { command });
  await part('2/2', { netname: 'mine', command: { ...command, netname: 'mine' } });
  await t.throwsAsync(openStore(store), {
    code: 'ERR_NETDISSECT_STORE',
    message: /are of different runs: its netname is "\w+", and here "mine" in the second/,
  });
  t.is(await part('1/2', { netname: 'mine', command: { ...command, netname: 'mine' } }), 0);
  const kept = await openStore(store);
  t.deepEqual(kept.file.command, { model: 'm.pt', netname: 'mine' });
  await t.notThrowsAsync(analyse(out, kept, { decoys: 0, bootstrap: 0 }));
});

test('a store that claims more images than its parts have is refused before memory is taken for them', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  await observe(await openModel(t), noise(), { ...OPTIONS, scores: ['auprc'], store });
  const file = path.join(store, 'store.json');
  const { checksum, ...whole } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const changed = { ...whole, images: 10_000_000, end: 10_000_000, files: undefined };
  fs.writeFileSync(file, JSON.stringify({ ...changed, checksum: digest.digestOf(changed) }));
  const before = process.memoryUsage().rss;
  await t.throwsAsync(
    openStore(store).then(kept => analyse(out, kept, { decoys: 0, bootstrap: 0 })),
    {
      code: 'ERR_NETDISSECT_STORE',
      message: /is damaged: it has more images than were kept/,
    },
  );
  t.true(process.memoryUsage().rss - before < 50e6);
});

test('the largest activations of each image, which auprc needs, are kept in parts, too', async t => {
  const [plain, merged, store, later] = await folders(t, 'plain', 'merged', 'store', 'later');
  const model = await openModel(t);
  const options = { ...OPTIONS, scores: ['auprc'] };
  await dissect(plain, model, noise(), options);
  for (const index of [3, 1, 2]) await observe(model, noise(), { ...options, store, shard: `${index}/3` });
  await analyse(merged, await openStore(store), { ...options, quantileThreshold: undefined });
  sameFiles(t, merged, plain);
  await dissect(later, model, noise(), { ...options, store: path.join(store, 'whole') });
  const bytes = folder => fs.statSync(path.join(store, folder, 'state')).size;
  const parts = [1, 2, 3].map(i => bytes(`shard-${i}-of-3`));
  t.true(
    parts.reduce((sum, size) => sum + size) < 3 * bytes('whole'),
    'a part keeps those of its own images',
  );
});

test('levels that are estimates are kept in parts, too', async t => {
  const [plain, merged, store] = await folders(t, 'plain', 'merged', 'store');
  const model = await openModel(t);
  const options = { ...OPTIONS, ...BUDGETS['in four passes'], approximate: true };
  const { layers } = await dissect(plain, model, noise(), options);
  t.true(layers[0].rankError > 0, 'they are estimates');
  for (const index of [2, 1]) await observe(model, noise(), { ...options, store, shard: `${index}/2` });
  const kept = await openStore(store);
  await analyse(merged, kept, { ...options, quantileThreshold: undefined });
  sameFiles(t, merged, plain);
  await t.throwsAsync(analyse(merged, kept, { quantileThreshold: 0.1 }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /the levels of this observation may be estimates/,
  });
});

test('a folder has an observation of all images, or parts of one', async t => {
  const [whole, parts] = await folders(t, 'whole', 'parts');
  const model = await openModel(t);
  const code = 'ERR_NETDISSECT_STORE';
  await observe(model, noise(), { ...OPTIONS, store: whole });
  await t.throwsAsync(observe(model, noise(), { ...OPTIONS, store: whole, shard: '1/2' }), {
    code,
    message: /holds an observation of all images; name another folder for parts/,
  });
  await observe(model, noise(), { ...OPTIONS, store: parts, shard: '1/2' });
  await t.throwsAsync(observe(model, noise(), { ...OPTIONS, store: parts }), {
    code,
    message: /holds parts of an observation \(shard-1-of-2\); name another folder, or give shard/,
  });
  fs.cpSync(path.join(parts, 'shard-1-of-2'), path.join(whole, 'shard-1-of-2'), { recursive: true });
  await t.throwsAsync(openStore(whole), { code, message: /is a store, and holds parts of another/ });
});

test('other quantiles are refused where masks were not kept', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  await observe(await openModel(t), noise(), { ...OPTIONS, labels: false, store });
  await t.throwsAsync(analyse(out, await openStore(store), { quantileThreshold: 0.01 }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /this observation has no masks, and other levels are made of these/,
  });
});

test('a run that was aborted before it began observes nothing', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  const model = await openModel(t);
  await observe(model, noise(), { ...OPTIONS, store });
  const aborted = () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error('stop')));
    return controller.signal;
  };
  await t.throwsAsync(observe(model, noise(), { ...OPTIONS, store, signal: aborted() }), { message: 'stop' });
  const kept = await openStore(store);
  await t.throwsAsync(analyse(out, kept, { signal: aborted() }), { message: 'stop' });
});

test('a shard is no store of all images, nor another shard', async t => {
  const [store, out] = await folders(t, 'store', 'out');
  const model = await openModel(t);
  const code = 'ERR_NETDISSECT_STORE';
  await observe(model, noise(), { ...OPTIONS, store, shard: '2/2' });
  const [one, two] = [1, 2].map(i => path.join(store, `shard-${i}-of-2`));
  await t.throwsAsync(dissect(out, model, noise(), { ...OPTIONS, store: two }), {
    code,
    message: /was observed of something else: its shard 0 is 2, and here 1/,
  });
  fs.renameSync(two, one);
  await t.throwsAsync(observe(model, noise(), { ...OPTIONS, store, shard: '1/2' }), {
    code,
    message: /its shard 0 is 2/,
  });
});

test('parts that are missing, doubled, foreign, unfinished or none', async t => {
  const [store, other, empty] = await folders(t, 'store', 'other', 'empty');
  const model = await openModel(t);
  const code = 'ERR_NETDISSECT_STORE';
  const part = (shard, options) => observe(model, noise(), { ...OPTIONS, store, shard, ...options });
  await part('1/3');
  await t.throwsAsync(openStore(store), {
    code,
    message: /^parts 2, 3 of 3 are missing; observe with --shard 2\/3/,
  });
  await part('2/3');
  await part('3/3');
  const shard = i => path.join(store, `shard-${i}-of-3`);
  t.is((await openStore(store)).folders.length, 3);
  t.deepEqual((await openStore(shard(3), shard(1), shard(2))).folders, [1, 2, 3].map(shard));
  await t.throwsAsync(openStore(store, shard(2)), {
    code,
    message: /are the same part, 2 of 3; name one of them/,
  });
  await part('2/3', { store: other, quantileThreshold: 0.01 });
  await t.throwsAsync(openStore(shard(1), path.join(other, 'shard-2-of-3'), shard(3)), {
    code,
    message: /are of different runs: its quantile is 0.05, and here 0.01 in the second/,
  });
  fs.rmSync(other, { recursive: true });
  await part('2/3', { store: other, netname: 'mine' });
  await t.throwsAsync(openStore(shard(1), path.join(other, 'shard-2-of-3'), shard(3)), {
    code,
    message: /are of different runs: its netname is "[^"]+", and here "mine" in the second/,
  });
  fs.mkdirSync(empty);
  await t.throwsAsync(openStore(empty), { code, message: /is no store of netdissect-native; name a folder/ });
  const controller = new AbortController();
  const unfinished = observe(model, noise(), {
    ...OPTIONS,
    batchSize: 8,
    store: path.join(empty, 'store'),
    signal: controller.signal,
    onProgress: ({ done }) => done > 20 && controller.abort(),
  });
  await unfinished.catch(() => {});
  await t.throwsAsync(analyse(path.join(empty, 'out'), await openStore(path.join(empty, 'store'))), {
    code,
    message: /has not seen all of its images yet; run it again to go on/,
  });
});

test("files of another run's, or of another part, are refused", async t => {
  const [store, other, out] = await folders(t, 'store', 'other', 'out');
  const model = await openModel(t);
  const code = 'ERR_NETDISSECT_STORE';
  for (const shard of ['1/2', '2/2']) {
    await observe(model, noise(), { ...OPTIONS, store, shard });
    await observe(model, noise(), { ...OPTIONS, store: other, shard, quantileThreshold: 0.02 });
  }
  const again = () => openStore(store).then(kept => analyse(out, kept, { decoys: 0, bootstrap: 0 }));
  const [one, two] = [1, 2].map(i => path.join(store, `shard-${i}-of-2`));
  const message = name => new RegExp(`${name} is of another run than store.json beside it; remove the store`);
  for (const name of ['state', 'blocks']) {
    const own = fs.readFileSync(path.join(two, name));
    fs.copyFileSync(path.join(other, 'shard-2-of-2', name), path.join(two, name));
    await t.throwsAsync(again(), { code, message: message(name) });
    fs.writeFileSync(path.join(two, name), own);
  }
  fs.copyFileSync(path.join(one, 'state'), path.join(two, 'state'));
  await t.throwsAsync(again(), {
    code,
    message: /shard-2-of-2 is of images from 0 on, and 24 comes next; give the parts of one run/,
  });
  await t.throwsAsync(observe(model, noise(), { ...OPTIONS, store, shard: '2/2' }), {
    code,
    message: /shard-2-of-2 is of another run/,
  });
});

test('one process writes to a store at a time, and no dead one holds it', async t => {
  const [store] = await folders(t, 'store');
  const model = await openModel(t);
  const code = 'ERR_NETDISSECT_STORE';
  let second;
  await observe(model, noise(), {
    ...OPTIONS,
    batchSize: 8,
    store,
    onProgress: ({ done }) => {
      if (done > 10) second ??= observe(model, noise(), { ...OPTIONS, store }).catch(error => error);
    },
  });
  t.like(await second, { code });
  t.regex((await second).message, /is being written by another run/);
  await t.notThrowsAsync(
    observe(model, noise(), { ...OPTIONS, store }),
    'whatever name of a writer stays behind',
  );
});

test('a folder that holds something else is left alone', async t => {
  const [folder] = await folders(t, 'mine');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'thesis.txt'), 'mine');
  await t.throwsAsync(observe(await openModel(t), noise(), { ...OPTIONS, store: folder }), {
    code: 'ERR_NETDISSECT_STORE',
    message: /is no store, and holds 'thesis.txt'; name an empty folder/,
  });
  t.deepEqual(fs.readdirSync(folder), ['thesis.txt']);
});

for (const [budget, more] of Object.entries(BUDGETS))
  test(`damage is found, wherever it is: ${budget}`, async t => {
    const [store, damaged, out, plain] = await folders(t, 'store', 'damaged', 'out', 'plain');
    const model = await openModel(t);
    const dataset = noise(12);
    await observe(model, dataset, { ...OPTIONS, ...more, store });
    const options = { decoys: 0, bootstrap: 0 };
    await analyse(plain, await openStore(store), options);
    const random = randomSource(1);
    const tries = {};
    for (const file of ['state', 'blocks', 'store.json'])
      for (let i = 0; i < 40; i++) {
        fs.rmSync(damaged, { recursive: true, force: true });
        fs.cpSync(store, damaged, { recursive: true });
        const target = path.join(damaged, file);
        const bytes = fs.readFileSync(target);
        const at = i < 20 ? Math.min(i, bytes.length - 1) : random.below(bytes.length);
        if (i % 4 === 3) fs.truncateSync(target, at);
        else {
          bytes[at] ^= 1 << random.below(8);
          fs.writeFileSync(target, bytes);
        }
        const outcome = await openStore(damaged)
          .then(opened => analyse(out, opened, options))
          .then(
            () => 'none',
            error => error.code,
          );
        tries[outcome] = (tries[outcome] ?? 0) + 1;
        t.is(outcome, 'ERR_NETDISSECT_STORE', `${file}, byte ${at}`);
      }
    t.log(tries);
    t.is(tries.ERR_NETDISSECT_STORE, 120);
  });

test('other versions and orders of bytes are told apart', async t => {
  const [store] = await folders(t, 'store');
  await observe(await openModel(t), noise(12), { ...OPTIONS, store });
  const file = path.join(store, 'state');
  const whole = fs.readFileSync(file);
  const message = async change => {
    const bytes = Buffer.from(whole);
    change(bytes);
    fs.writeFileSync(file, bytes);
    return (await t.throwsAsync(openStore(store).then(kept => analyse(path.join(store, 'out'), kept))))
      .message;
  };
  t.regex(await message(bytes => bytes.writeUInt32BE(bytes.readUInt32LE(8), 8)), /another order of bytes/);
  t.regex(await message(bytes => bytes.write('2', 7)), /written by another version of netdissect-native/);
  t.regex(await message(bytes => bytes.write('x', 0)), /is damaged: it is no file of a store/);
  const json = path.join(store, 'store.json');
  fs.writeFileSync(json, fs.readFileSync(json, 'utf8').replace('"version": 1', '"version": 2'));
  await t.throwsAsync(openStore(store), {
    message: /is of version 2 of the format, and this program knows version 1/,
  });
});

/** The command over the sample, in batches that end often. */
const commandFor = (outdir, ...more) => [
  path.join(root, 'lib/cli.js'),
  ...['--model', 'sample/model.pt', '--layers', 'conv4', '--broden', 'sample/broden', '--imgsize', '112'],
  ...['--no-images', '--quiet', '--batch_size', '8', '--outdir', outdir],
  ...more,
];

test('the command draws the pictures of chosen and perturbed images again', async t => {
  const [plain, out, store, noisy] = await folders(t, 'plain', 'out', 'store', 'noise.npy');
  const run = promisify(execFile);
  const random = randomSource(2);
  const values = Float32Array.from({ length: 112 * 112 * 3 }, () => 40 * random.uniform());
  fs.writeFileSync(noisy, npyOf([112, 112, 3], values));
  const images = [
    ...['--broden', 'sample/broden', '--imgsize', '112', '--size', '16', '--shuffle', '3'],
    ...['--perturbation', noisy],
  ];
  const rest = ['--quiet', '--decoys', '0'];
  await run(
    process.execPath,
    [
      ...['lib/cli.js', '--model', 'sample/model.pt', '--layers', 'conv4', ...images, ...rest],
      ...['--outdir', plain, '--store', store],
    ],
    { cwd: root },
  );
  await run(process.execPath, ['lib/cli.js', 'analyse', store, ...images, ...rest, '--outdir', out], {
    cwd: root,
  });
  t.true(Object.keys(contents(out)).some(file => file.endsWith('.jpg')));
  sameFiles(t, out, plain);
});

test('a disk that fills is named, and the run goes on once there is space', async t => {
  const [plain, out, store] = await folders(t, 'plain', 'out', 'store');
  const run = promisify(execFile);
  await run(process.execPath, commandFor(plain), { cwd: root });
  const kept = ['--store', store, '--checkpoint', '0'];
  // no file may be larger than so many KiB
  const limited = [
    '-c',
    'trap "" XFSZ; ulimit -f 400; exec "$@"',
    'bash',
    process.execPath,
    ...commandFor(out, ...kept),
  ];
  const { code, stderr } = await t.throwsAsync(run('bash', limited, { cwd: root }));
  t.is(code, 1);
  t.regex(stderr, /^netdissect-native: cannot write to \S+\/(blocks|state\.new): File too large; .*\n$/);
  t.false(fs.existsSync(out));
  await run(process.execPath, commandFor(out, ...kept), { cwd: root });
  sameFiles(t, out, plain);
});

test('killed at any moment, the command goes on and writes the same report', async t => {
  const [plain, out, store] = await folders(t, 'plain', 'out', 'store');
  await promisify(execFile)(process.execPath, commandFor(plain), { cwd: root });
  const random = randomSource(4);
  const state = () => fs.statSync(path.join(store, 'state'), { throwIfNoEntry: false })?.mtimeMs;
  let kills = 0;
  let begun = 0;
  for (let round = 0, code = null; code !== 0; round++) {
    const child = spawn(process.execPath, commandFor(out, '--store', store, '--checkpoint', '0'), {
      cwd: root,
      stdio: 'inherit',
    });
    const exited = once(child, 'exit');
    if (round < 6) {
      const before = state();
      // from its begin, and from its first checkpoint
      while (round % 2 && child.exitCode === null && state() === before) await delay(5);
      await delay(random.below(round % 2 ? 200 : 1500));
      child.kill('SIGKILL');
    }
    [code] = await exited;
    kills += code === null ? 1 : 0;
    begun += code === null && state() !== undefined ? 1 : 0;
    t.true(code === null || code === 0);
  }
  t.log(`${kills} kills, ${begun} of them with something kept`);
  t.true(begun > 0);
  sameFiles(t, out, plain);
});
