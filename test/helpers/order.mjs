// Makes the calls of a model and of a dissection in every order; prints what came of them: `node order.mjs main|worker`.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { native } from '../../lib/native/native.js';
import { modelFile } from '../fixtures/models.mjs';
import { nativeOptions } from './native.mjs';

const IMAGES = 4;

const input = {
  shape: [2, 3, 3],
  activations: Array.from({ length: IMAGES }),
  quantile: 0.1,
  topImages: 2,
  labelCategory: Int32Array.of(-1, 0),
  categories: 1,
};

function* permutations(items) {
  if (items.length === 0) yield [];
  for (const [i, item] of items.entries())
    for (const rest of permutations(items.toSpliced(i, 1))) yield [item, ...rest];
}

const file = modelFile('identity_s.pt');
const pixels = Float32Array.from({ length: IMAGES * 18 }, (_, i) => (i * 7) % 5);
const segmentations = Array.from({ length: IMAGES }, () => ({ height: 1, width: 1, maps: [1] }));
const strips = new Uint8Array(4096);
const style = { gap: 5, border: [200, 200, 0], labelColors: 254 };

const ofModel = {
  load: model => model.load(file, 'cpu'),
  layers: model => model.layers(2, 3, 3),
  parameters: model => model.parameters(),
  dissect: model => model.dissect(nativeOptions(input)),
  forward: model => model.forward(['units'], pixels, [IMAGES, 2, 3, 3]),
  close: model => model.close(),
};

const ofDissection = {
  observe: dissection => dissection.observe({ first: 0, count: IMAGES, pixels, segmentations }),
  finish: dissection => dissection.finish(),
  count: dissection => dissection.count(IMAGES),
  results: dissection => dissection.results(),
  draw: dissection => dissection.draw(0, 1, [new Uint8Array(27), new Uint8Array(27)], strips, style),
  close: dissection => dissection.close(),
};

async function run() {
  const codes = {};
  const odd = [];
  let orders = 0;
  const attempt = async (name, call, order) => {
    let outcome = 'resolved';
    try {
      await call();
    } catch (error) {
      outcome = error.code ?? 'none';
      if (outcome !== 'ERR_NETDISSECT_USAGE') odd.push(`${order.join(' ')}: ${name}: ${error.message}`);
    }
    codes[outcome] = (codes[outcome] ?? 0) + 1;
    return outcome;
  };
  for (const order of permutations(Object.keys(ofModel))) {
    const model = new (native().NativeModel)(1);
    for (const name of order) await attempt(name, async () => ofModel[name](model), order);
    model.close();
    orders++;
  }
  const model = new (native().NativeModel)(1);
  await model.load(file, 'cpu');
  for (const order of permutations(Object.keys(ofDissection))) {
    const dissection = await model.dissect(nativeOptions(input));
    for (const name of order) {
      const outcome = await attempt(name, async () => ofDissection[name](dissection), order);
      const right = ['observe', 'finish', 'count', 'results', 'draw', 'close'].join() === order.join();
      if (right && outcome !== 'resolved') odd.push(`the right order: ${name} ${outcome}`);
    }
    dissection.close();
    // and all at once, none awaited
    const another = await model.dissect(nativeOptions(input));
    await Promise.all(order.map(name => attempt(name, async () => ofDissection[name](another), order)));
    orders++;
  }
  model.close();
  return JSON.stringify({ orders, codes, odd });
}

if (!isMainThread) parentPort.postMessage(await run());
else if (process.argv[2] === 'main') console.log(await run());
else new Worker(new URL(import.meta.url)).on('message', result => console.log(result));
