// Prints how often the sample's images pass where the host has so many MiB for them, and how many bytes are spilled to disk, as JSON:
// `node passes.mjs FOLDER QUANTILE MEBIBYTES`. Writes to the folder.
import api from '../../lib/index.js';

const [, , folder, quantile, mebibytes] = process.argv;
const model = await api.loadModel('sample/model.pt', { device: 'cpu' });
await api.retainLayers(model, ['conv4', 'conv5']);
const dataset = new api.BrodenDataset('sample/broden', { imageSize: 224 });
let passes;
const { profile } = await api.dissect(folder, model, dataset, {
  memory: Number(mebibytes) * 2 ** 20,
  quantileThreshold: Number(quantile),
  images: false,
  report: false,
  decoys: 0,
  bootstrap: 0,
  onProgress: ({ phase, total }) => {
    if (phase === 'observe') passes = total / dataset.length;
  },
});
console.log(JSON.stringify({ passes, spilled: profile.spilledBytes }));
model.close();
