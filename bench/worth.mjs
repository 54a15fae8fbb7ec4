// Seconds of what labels are worth, beside those of the run that they are part of:
//   NETDISSECT_REAL_DATA=FOLDER npm run bench:worth -- [--images 1885] [--layers fire9]
// SqueezeNet over photographs; without such data the sample's model and images.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../scripts/setup.mjs';
import { root } from '../scripts/tools.mjs';

await setup();
const { BrodenDataset, dissect, loadModel, retainLayers } = await import('../lib/index.js');
(await import('../lib/native/native.js')).native().keepFreedMemory();

const real = process.env.NETDISSECT_REAL_DATA;
const { values: options } = parseArgs({
  options: {
    images: { type: 'string' },
    layers: { type: 'string', default: real ? 'fire9' : 'conv4' },
  },
});
const model = await loadModel(
  real ? path.join(real, 'models/squeezenet1_0_imagenet.pt') : path.join(root, 'sample/model.pt'),
  { device: 'cpu' },
);
retainLayers(model, options.layers.split(','));
const dataset = new BrodenDataset(
  real ? path.join(real, 'broden/broden1_224') : path.join(root, 'sample/broden'),
  {
    imageSize: 224,
    ...(options.images && { size: Number(options.images) }),
  },
);
const output = path.join(os.tmpdir(), `netdissect-worth-${process.pid}`);

for (const formulas of [2, 3]) {
  const { report, profile } = await dissect(output, model, dataset, {
    images: false,
    scores: ['phi', 'cosine', 'f1', 'auprc'],
    formulas,
  });
  const { decoys, bootstrap, quantiles, formulas: search, total } = profile;
  const run = total - decoys - bootstrap - quantiles - search;
  console.log(
    `\n${dataset.length} images, --formulas ${formulas}; the run without these parts: ${run.toFixed(1)} s`,
  );
  console.table(
    Object.fromEntries(
      Object.entries({ decoys, bootstrap, quantiles, formulas: search }).map(([part, seconds]) => [
        part,
        { seconds: seconds.toFixed(2), 'of the run, %': ((100 * seconds) / run).toFixed(1) },
      ]),
    ),
  );
  console.table(
    report.layers.map(({ layer, units, interpretable, decided, ...rest }) => {
      const mean = values => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
      const found = units.filter(({ interp }) => interp);
      const searched = units.flatMap(({ formula }) => formula ?? []);
      return {
        layer,
        units: units.length,
        interpretable,
        'by chance': `${rest.expected_by_chance.toFixed(1)} ± ${rest.expected_by_chance_deviation.toFixed(1)}`,
        'q over 0.05': found.filter(({ q }) => q > 0.05).length,
        decided,
        "intervals' mean width": mean(
          found.flatMap(({ labels: [{ low, high }] }) => (low === null ? [] : high - low)),
        ).toFixed(3),
        'formulas proven, %': (100 * mean(searched.map(({ gap }) => +(gap === 0)))).toFixed(1),
        'mean gain': mean(searched.map(({ gain }) => gain)).toFixed(4),
      };
    }),
  );
}
fs.rmSync(output, { recursive: true });
await model.close();
