// Prints how often the sample's images pass where the host has 1 MiB for them: `node passes.mjs FOLDER`, which it writes to.
import api from '../../lib/index.js';

const model = await api.loadModel('sample/model.pt', { device: 'cpu' });
await api.retainLayers(model, ['conv4', 'conv5']);
const dataset = new api.BrodenDataset('sample/broden', { imageSize: 224 });
let passes;
await api.dissect(process.argv[2], model, dataset, {
  memory: 2 ** 20,
  quantileThreshold: 0.1,
  images: false,
  report: false,
  decoys: 0,
  bootstrap: 0,
  onProgress: ({ phase, total }) => {
    if (phase === 'observe') passes = total / dataset.length;
  },
});
console.log(passes);
model.close();
