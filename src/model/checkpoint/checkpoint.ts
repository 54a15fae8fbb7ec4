/**
 * Weights from a file: a PyTorch checkpoint, as `torch.save` writes it (a zip file with a pickle, `data.pkl`, and the
 * contents of tensors beside it), or a safetensors file. The pickle is read as data (`pickle.ts`); tensors are read
 * when they are asked for.
 */

import { some } from '../../base/words';
import type { NativeModel, Parameter } from '../../native/native';
import { Archive } from './archive';
import { dictOf, moduleIn, tensorsIn } from './contents';
import { damaged, failure } from './failure';
import { CheckpointFile } from './file';
import { matchState, type StateMatch } from './match';
import { numbersIn } from './numbers';
import { unpickle } from './pickle';
import { isSafetensors, safetensorsIn } from './safetensors';
import type { CheckpointTensor } from './tensor';

export interface Checkpoint {
  path: string;
  /** The tensors of all dicts, in their order, the outermost dict first. */
  tensors: CheckpointTensor[];
  /** The finite numbers in the outermost dict, such as `epoch`. */
  meta: Record<string, number>;
  close(): Promise<void>;
}

/** What a checkpoint gave to a model. */
export interface AppliedCheckpoint {
  meta: Record<string, number>;
  /** Entries of the state dict for which the model has no place. */
  unexpected: string[];
  /** Buffers that the state dict lacks, as it does where they are not persistent; the model keeps its own. */
  kept: string[];
}

/**
 * Opens a checkpoint. Nothing pickled is executed, and no tensor is read yet. To be closed.
 * Rejects with `ERR_NETDISSECT_CHECKPOINT` where the file is missing, damaged, or something else.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await CheckpointFile.open(path);
  try {
    const start = await file.read(0, Math.min(64, file.size));
    const isZip = start.length > 4 && start.readUInt32BE(0) === 0x504b0304;
    const content = isZip ? await pickledIn(file) : { tensors: await bareIn(file, start), meta: {} };
    return { path, ...content, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function pickledIn(file: CheckpointFile): Promise<Pick<Checkpoint, 'tensors' | 'meta'>> {
  const { path } = file;
  const archive = await Archive.open(file);
  const data = await archive.whole('data.pkl');
  if (isTextPickle(data))
    throw failure(
      `${path} was pickled with protocol 0 or 1, and 2 to 5 are read; save it again without pickle_protocol`,
    );
  let content: unknown;
  try {
    content = unpickle(data);
  } catch (cause) {
    throw damaged(path, cause, 'data.pkl: ');
  }
  const tensors = tensorsIn(path, archive, content);
  if (tensors.length > 0)
    return { tensors, meta: await numbersIn(path, archive, dictOf(content) ?? new Map()) };
  const module = moduleIn(content);
  if (module)
    throw failure(
      `${path} holds a whole module (${module}), which only its Python code could load; save its state_dict() instead`,
    );
  const keys = [...(dictOf(content)?.keys() ?? [])].filter(key => typeof key === 'string');
  throw failure(
    `${path} holds no state dict${keys.length ? ` (it has ${some(keys, 4)})` : ''}; save model.state_dict()`,
  );
}

async function bareIn(file: CheckpointFile, start: Buffer): Promise<CheckpointTensor[]> {
  if (start.length > 8 && isSafetensors(start)) return safetensorsIn(file);
  throw failure(`${file.path} ${foreign(start)}`);
}

/** Whether it begins as pickles of protocol 0 and 1 do, without a number: a mark, an empty dict or list, a class. */
function isTextPickle(data: Buffer): boolean {
  return /^(\(|\}q|\]q|c[\w.]+\n[\w.]+\n)/.test(data.toString('latin1', 0, 256));
}

/**
 * Puts a checkpoint's values into the model; `key` chooses among its dicts. Rejects with `ERR_NETDISSECT_CHECKPOINT` where
 * parameters are missing or of another shape, before anything is changed.
 */
export async function applyCheckpoint(
  model: Pick<NativeModel, 'parameters' | 'setParameter'>,
  path: string,
  key?: string,
): Promise<AppliedCheckpoint> {
  const checkpoint = await readCheckpoint(path);
  try {
    const parameters = await model.parameters();
    const match = matchState(checkpoint.tensors, parameters, key);
    requireFit(checkpoint, parameters, match, key);
    // refuses before anything is changed
    const unreadable = match.matched.find(({ tensor }) => tensor.refusal !== null);
    await unreadable?.tensor.read();
    for (const { parameter, tensor } of match.matched)
      await model.setParameter(parameter.name, tensor.dtype, await tensor.read());
    // what lies beside a state dict says something of it, what lies in one does not
    const bare = match.matched.some(({ tensor }) => tensor.holder === '');
    return { meta: bare ? {} : checkpoint.meta, unexpected: match.unexpected, kept: match.kept };
  } finally {
    await checkpoint.close();
  }
}

function requireFit(
  { path, tensors }: Checkpoint,
  parameters: readonly Parameter[],
  { matched, missing, unexpected, misshapen, choices }: StateMatch,
  key?: string,
): void {
  if (parameters.length === 0)
    throw failure(
      `${path} cannot be put into the model, which has no parameters (freezing removes them); export it without freezing`,
    );
  if (choices.length > 0)
    throw failure(
      `${path} has several state dicts that fit the model, ${some(choices, 8)}; choose one with checkpointKey`,
    );
  if (key !== undefined && matched.length + misshapen.length + unexpected.length === 0)
    throw failure(
      `${path} has nothing under '${key}'; it has ${some([...new Set(tensors.map(({ holder, name }) => holder || name))], 8)}`,
    );
  if (matched.length === 0 && misshapen.length === 0)
    throw failure(
      `${path} fits nothing in the model: it has entries named ${some(unexpected, 4)}, and the model has ${some(
        parameters.map(({ name }) => name),
        4,
      )}; give the checkpoint of this very model, or rename its entries`,
    );
  if (missing.length === 0 && misshapen.length === 0) return;
  const faults: string[] = [];
  if (missing.length) faults.push(`it lacks ${some(missing, 4)}`);
  if (misshapen.length)
    faults.push(
      `of another shape are ${some(
        misshapen.map(
          ({ name, expected, found }) =>
            `${name} (the model's is [${expected.join(', ')}], the checkpoint's [${found.join(', ')}])`,
        ),
        4,
      )}`,
    );
  if (unexpected.length) faults.push(`the model has no place for ${some(unexpected, 4)}`);
  throw failure(
    `${path} does not fit the model: ${faults.join('; ')}; give the checkpoint of this very model`,
  );
}

/** What a file is that is no zip file, and what to do about it. */
function foreign(start: Buffer): string {
  // the number that begins what torch.save wrote before 1.6, as a pickled integer
  if (start.includes('6cfc9c46f9206aa85019', 'hex'))
    return 'is in the format from before PyTorch 1.6, which is not read; convert it in Python with torch.save(torch.load(FILE), NEW_FILE)';
  if (start[0] === 0x80 || isTextPickle(start))
    return 'is a plain pickle, no PyTorch checkpoint; load it in Python and write the state dict with torch.save';
  return 'is no PyTorch checkpoint; give a file that torch.save wrote, or a safetensors file';
}
