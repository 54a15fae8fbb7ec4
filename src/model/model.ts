/** A TorchScript model in the addon's hands. */

import fs from 'node:fs';
import os from 'node:os';
import {
  asNetdissectError,
  NetdissectError,
  optionError,
  requireText,
  rethrow,
  sizeOf,
} from '../base/errors';
import { checked, flag, type Kind, oneOf, whole } from '../base/kinds';
import { trouble } from '../base/read';
import { shown } from '../base/words';
import {
  cudaProblem,
  type LayerInfo,
  type LayerOutput,
  type NativeModel,
  type NativeRetainOptions,
  native,
} from '../native/native';
import { type AppliedCheckpoint, applyCheckpoint } from './checkpoint/checkpoint';

/** How many threads a model may have. */
export const THREADS = whole(1, 1024);

export interface LoadOptions {
  /** `auto` (the default) takes CUDA where it works, else the processor; `cuda` and `cuda:1` fail with the reason. */
  device?: Device;
  /** On a GPU, multiply numbers rounded to TF32's 10 bits. Default false. */
  tf32?: boolean;
  /** On a GPU, the model in float16. Default false. */
  half?: boolean;
  /** Threads of the forward and the counting; by default as many as there are cores. */
  threads?: number;
  /** A checkpoint whose weights replace the model's own; `docs/checkpoints.md` says which are taken. */
  checkpoint?: string;
  /** Where the checkpoint keeps them, as `state_dict_ema`, where it keeps several that fit. */
  checkpointKey?: string;
  /** Is given what LibTorch warns of and what the model prints, each message once; by default nobody is. */
  onLog?: (message: string) => void;
}

export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** What {@link LoadOptions.device} may be. */
export const DEVICE: Kind<Device> = {
  expected: 'auto, cpu, cuda or cuda:N',
  fits: (value): value is Device => typeof value === 'string' && /^(auto|cpu|cuda(:\d{1,2})?)$/.test(value),
};

/** A layer to dissect: the module's name and the name that the report gives it. */
export interface RetainedLayer {
  name: string;
  reported: string;
}

export interface RetainOptions {
  /** Read the layers' maps by their receptive-field geometry instead of lining up pixel centres. Default false. */
  addScaleOffset?: boolean;
  /**
   * `final` (the default): a layer's output as it stands after the whole forward, operations in place by later
   * layers included. `call`: as it is when the layer's last call returns.
   */
  values?: 'final' | 'call';
  /**
   * Which tokens (class, registers) of outputs `[images, tokens, units]` are no patches of the image: the first N
   * (`first:N`, or the number N), the last N, or the one of an index. `auto` (the default) takes such an output where
   * the model's graph makes that plain, `none` takes none.
   */
  tokens?: TokensOption;
  /**
   * What outputs with four dimensions are: `nchw`, `[images, units, height, width]`, or `nhwc`, with the units last.
   * `auto` (the default): `nhwc` where the shape fits the image in no other way.
   */
  layout?: 'auto' | 'nchw' | 'nhwc';
  /**
   * What becomes of a model whose graph holds operations of a training mode (dropout that drops, normalisation by the
   * batch): `refuse` (the default), or `keep`, which goes on and says so in the report.
   */
  trainMode?: 'refuse' | 'keep';
}

export type TokensOption = 'auto' | 'none' | `${'first' | 'last' | 'index'}:${number}` | number;

/** What the engine is told of {@link RetainOptions}. */
export function nativeOptions(options: Omit<RetainOptions, 'addScaleOffset'>): NativeRetainOptions {
  const { tokens = 'auto' } = options;
  const values = checked('values', options.values, oneOf('final', 'call'), 'final');
  const layout = checked('layout', options.layout, oneOf('auto', 'nchw', 'nhwc'), 'auto');
  const trainMode = checked('trainMode', options.trainMode, oneOf('refuse', 'keep'), 'refuse');
  const which = /^(?:(first|last|index):)?(\d{1,5})$/.exec(String(tokens));
  if (tokens !== 'auto' && tokens !== 'none' && !which)
    throw optionError(
      `expected auto, none, first:N, last:N, index:I or a whole number from 0 on for tokens but received ${tokens}`,
    );
  return {
    ...(tokens === 'none' && { tokens: ['none', 0] as const satisfies NativeRetainOptions['tokens'] }),
    ...(which && { tokens: [which[1] ?? 'first', Number(which[2])] as NativeRetainOptions['tokens'] }),
    ...(layout !== 'auto' && { layout }),
    atCall: values === 'call',
    keepTraining: trainMode === 'keep',
  };
}

/** A loaded model. Made by {@link loadModel}; `close()` gives its thread and memory back. */
export class Model {
  /** The layers that a dissection takes; set by {@link retainLayers}. */
  retained: readonly RetainedLayer[] = [];
  retainOptions: Required<RetainOptions> = {
    addScaleOffset: false,
    values: 'final',
    tokens: 'auto',
    layout: 'auto',
    trainMode: 'refuse',
  };

  constructor(
    readonly path: string,
    /** `cpu` or `cuda`. */
    readonly device: string,
    /** Channels of the images that it takes: 1 (grey), 3 (RGB) or 4 (RGBA). */
    readonly channels: number,
    /** @internal */
    readonly native: NativeModel,
    /** What the checkpoint gave, where one was asked for. */
    readonly checkpoint?: AppliedCheckpoint,
    readonly onLog?: (message: string) => void,
    /** The file of the checkpoint, and the entry of it that was taken. */
    readonly checkpointSource?: { file: string; key?: string },
    /** In what numbers it computes: float32, float32 with products of TF32 (`tf32`), or float16 (`half`). */
    readonly precision: 'full' | 'tf32' | 'half' = 'full',
  ) {}

  /** @internal Hands on what LibTorch and the model said. */
  flushLog(): void {
    for (const message of this.native.takeLog()) this.onLog?.(message);
  }

  /**
   * The modules of the model, in its own order, as a forward over one image of zeros shows them; the options are as for
   * {@link retainLayers}. Rejects with `ERR_NETDISSECT_FORWARD` where the model does not take images of that size.
   */
  async layers(
    imageSize: number | readonly [height: number, width: number],
    { tokens, layout }: Pick<RetainOptions, 'tokens' | 'layout'> = {},
  ): Promise<LayerInfo[]> {
    const [height, width] = sizeOf(imageSize, 'imageSize');
    return this.native
      .layers(this.channels, height, width, nativeOptions({ tokens, layout }))
      .catch(rethrow)
      .finally(() => this.flushLog());
  }

  /**
   * The retained layers' outputs for a batch of images, float32 `[images, channels, height, width]`, normalised as
   * the model wants them.
   */
  forward(pixels: Float32Array, shape: readonly [number, number, number, number]): Promise<LayerOutput[]> {
    this.requireLayers();
    return this.native
      .forward(
        this.retained.map(layer => layer.name),
        pixels,
        shape,
        nativeOptions(this.retainOptions),
      )
      .catch(rethrow)
      .finally(() => this.flushLog());
  }

  /** @internal */
  requireLayers(): void {
    if (this.retained.length === 0)
      throw optionError('no layer is retained; call retainLayers(model, [...]) first');
  }

  /** Gives the model's thread and memory back; resolves when that is done. Waits for nothing that cannot be interrupted. */
  close(): Promise<void> {
    return this.native.close();
  }
}

/** Refuses what {@link loadModel} has not made. */
export function requireModel(model: unknown): asserts model is Model {
  if (!(model instanceof Model))
    throw optionError(`expected a model that loadModel gave but received ${shown(model)}`);
}

/**
 * Loads a traced or scripted TorchScript model (`.pt`), in evaluation mode.
 * Rejects with `ERR_NETDISSECT_MODEL` where the file is missing, damaged, or something else, and with
 * `ERR_NETDISSECT_CHECKPOINT` where the checkpoint is, or does not fit the model.
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  requireText(path, 'the path of a model');
  const stat = await fs.promises.stat(path).catch(cause => {
    throw new NetdissectError('ERR_NETDISSECT_MODEL', `cannot load ${path}: it ${trouble(cause)}`, { cause });
  });
  if (!stat.isFile())
    throw new NetdissectError(
      'ERR_NETDISSECT_MODEL',
      `cannot load ${path}: it is ${stat.isDirectory() ? 'a folder' : 'a device or the like'}, not a model file`,
    );
  const wish = checked('device', options.device, DEVICE, 'auto');
  const tf32 = checked('tf32', options.tf32, flag, false);
  const half = checked('half', options.half, flag, false);
  const threads = checked('threads', options.threads, THREADS, os.availableParallelism());
  const addon = native();
  const index = Number(wish.split(':')[1] ?? 0);
  if (wish.startsWith('cuda') && addon.whyNoCuda(index))
    throw new NetdissectError(
      'ERR_NETDISSECT_DEVICE',
      `no CUDA device can be used: ${cudaProblem(index)}; leave the device out, or choose cpu`,
    );
  const model = new addon.NativeModel(threads);
  try {
    const { device, channels } = await model.load(path, wish, { tf32, half });
    const { checkpoint, checkpointKey: key } = options;
    if (key !== undefined && checkpoint === undefined)
      throw optionError('expected a checkpoint with checkpointKey; give both or neither');
    const applied = checkpoint === undefined ? undefined : await applyCheckpoint(model, checkpoint, key);
    const source =
      checkpoint === undefined ? undefined : { file: checkpoint, ...(key !== undefined && { key }) };
    const loaded = new Model(
      path,
      device.split(':')[0],
      channels,
      model,
      applied,
      options.onLog,
      source,
      half ? 'half' : tf32 ? 'tf32' : 'full',
    );
    loaded.flushLog();
    return loaded;
  } catch (error) {
    void model.close();
    throw asNetdissectError(error);
  }
}

/**
 * Chooses the layers of a model to dissect: `'features.6'`, `'features.6:conv3'` or `['features.6', 'conv3']`,
 * the second the name in the report; `'block[1]'` is the second tensor of the tuple or list that `block` returns. (A
 * traced model keeps of a tuple what later layers use, in the order of that use.)
 * Unknown names are refused when the dissection begins.
 */
export function retainLayers(
  model: Model,
  layers: readonly (string | readonly [name: string, reported: string])[],
  options: RetainOptions = {},
): void {
  requireModel(model);
  if (!Array.isArray(layers as unknown))
    throw optionError(`expected a list of layers but received ${shown(layers)}`);
  const retained = layers.map(layer => {
    for (const name of typeof layer === 'string' ? [layer] : [layer?.[0], layer?.[1]])
      requireText(name, 'the name of a layer, or a pair of it and its name in the report,');
    if (typeof layer !== 'string') return { name: layer[0], reported: layer[1] };
    const colon = layer.indexOf(':');
    return colon < 0
      ? { name: layer, reported: layer }
      : { name: layer.slice(0, colon), reported: layer.slice(colon + 1) };
  });
  if (retained.length === 0) throw optionError('expected the names of layers to dissect but received none');
  const twice = retained.find(({ name }, i) => retained.findIndex(other => other.name === name) < i);
  if (twice) throw optionError(`layer '${twice.name}' is named twice; name it once`);
  const addScaleOffset = checked('addScaleOffset', options.addScaleOffset, flag, false);
  const { values = 'final', tokens = 'auto', layout = 'auto', trainMode = 'refuse' } = options;
  nativeOptions(options); // checks them
  model.retained = retained;
  model.retainOptions = { addScaleOffset, values, tokens, layout, trainMode };
}
