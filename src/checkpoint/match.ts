/** Which of a checkpoint's tensors a model's parameters and buffers get. */

import type { Parameter } from '../native';
import type { CheckpointTensor } from './tensor';

type Tensor = Pick<CheckpointTensor, 'name' | 'holder' | 'shape' | 'refusal' | 'place'>;

export interface StateMatch<T extends Tensor = CheckpointTensor> {
  matched: { parameter: Parameter; tensor: T }[];
  /** Parameters, means and variances that the checkpoint lacks. */
  missing: string[];
  /** Other buffers that it lacks, without the counts of batches, which no evaluation uses. */
  kept: string[];
  /** Entries, of the dicts that tensors were taken from, that no parameter takes. */
  unexpected: string[];
  misshapen: { name: string; expected: readonly number[]; found: readonly number[] }[];
  /** Where there are several state dicts that fit equally well, the keys that choose one; empty otherwise. */
  choices: string[];
}

/** What DataParallel and torch.compile put before the names of what they wrap. */
const WRAPPER = /^(module|_orig_mod)\./;

/** One way to find parameters: tensors by parameter, under a path of the checkpoint. */
interface Fit<T> {
  key: string;
  tensors: Map<string, T>;
  /** How many have the shape that they should. */
  shaped: number;
}

/**
 * Pairs the parameters and buffers of a model with a checkpoint's tensors by their names, counting the paths of the
 * dicts that hold them: the same beginning is taken off all of the checkpoint's names or all of the model's, the one by
 * which most find a tensor of their shape. Then `module.` and `_orig_mod.` are taken off where the name is not there with them. A
 * buffer need not be in the checkpoint, since TorchScript keeps those that are not persistent, too; the statistics of a
 * batch normalisation have to.
 *
 * @param key takes only what is under this path
 */
export function matchState<T extends Tensor>(
  all: readonly T[],
  parameters: readonly Parameter[],
  key?: string,
): StateMatch<T> {
  const tensors = key === undefined ? all : all.filter(tensor => under(fullName(tensor), key));
  const [first, ...others] = fits(tensors, parameters);
  // elsewhere, names alone are chance
  const best = first?.key === '' || first?.shaped > 0 ? first : undefined;
  const found = best?.tensors ?? new Map<string, T>();
  const match: StateMatch<T> = {
    matched: [],
    missing: [],
    kept: [],
    unexpected: [],
    misshapen: [],
    choices: [],
  };
  for (const parameter of parameters) {
    const { name, shape } = parameter;
    const tensor = found.get(name);
    if (!tensor) {
      if (required(parameter)) match.missing.push(name);
      else if (!/\bnum_batches_tracked$/.test(name)) match.kept.push(name);
    } else if (tensor.refusal === null && tensor.shape.join() !== shape.join())
      match.misshapen.push({ name, expected: shape, found: tensor.shape });
    else match.matched.push({ parameter, tensor });
  }
  const taken = new Set(found.values());
  const holders = new Set(Array.from(taken, ({ holder }) => holder));
  match.unexpected = tensors
    .filter(tensor => !taken.has(tensor) && (found.size === 0 || holders.has(tensor.holder)))
    .map(({ name }) => name);
  if (best && best.key !== '' && match.missing.length + match.misshapen.length === 0) {
    const equal = others.filter(fit => fit.shaped === best.shaped && !sameTensors(fit, best));
    if (equal.length > 0) match.choices = [best, ...equal].map(fit => fit.key);
  }
  return match;
}

const fullName = ({ name, holder }: Tensor) => (holder ? `${holder}.${name}` : name);

const under = (name: string, key: string) => name.startsWith(`${key}.`);

const required = ({ name, buffer }: Parameter) => !buffer || /\brunning_(mean|var)$/.test(name);

const shaped = (tensor: Tensor, { shape }: Parameter) =>
  tensor.refusal !== null || tensor.shape.join() === shape.join();

/** All ways in which parameters find tensors, the best first. */
function fits<T extends Tensor>(tensors: readonly T[], parameters: readonly Parameter[]): Fit<T>[] {
  const byName = new Map(parameters.map(parameter => [parameter.name, parameter]));
  const fits: Fit<T>[] = [];
  for (const beginning of commonBeginnings(parameters.filter(required).map(({ name }) => name))) {
    const byPath = new Map<string, Map<string, { tensor: T; exact: boolean }>>();
    for (const tensor of tensors)
      for (const [path, rest] of splits(fullName(tensor))) {
        const name = unwrapped(beginning + rest, beginning, byName);
        if (name === undefined) continue;
        const found = byPath.get(path) ?? new Map();
        byPath.set(path, found);
        const exact = name === beginning + rest;
        if (!found.has(name) || (exact && !found.get(name).exact)) found.set(name, { tensor, exact });
      }
    for (const [path, found] of byPath) {
      const chosen = new Map(Array.from(found, ([name, { tensor }]) => [name, tensor]));
      const count = Array.from(chosen).filter(([name, tensor]) => shaped(tensor, byName.get(name)!)).length;
      fits.push({ key: path, tensors: chosen, shaped: count });
    }
  }
  return fits.sort(
    (a, b) => b.shaped - a.shaped || b.tensors.size - a.tensors.size || a.key.length - b.key.length,
  );
}

/** What all names begin with, up to a dot: nothing, and longer and longer. */
function commonBeginnings(names: readonly string[]): string[] {
  const beginnings = [''];
  for (let end = 0; names.length > 0; ) {
    end = names[0].indexOf('.', end) + 1;
    const beginning = names[0].slice(0, end);
    if (end === 0 || !names.every(name => name.startsWith(beginning))) break;
    beginnings.push(beginning);
  }
  return beginnings;
}

/** A dotted name in two, in every way: `['', 'a.b'], ['a', 'b']`. */
function* splits(name: string): Generator<[path: string, rest: string]> {
  yield ['', name];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
    yield [name.slice(0, dot), name.slice(dot + 1)];
}

/** The parameter of that name, or of what is left of it without wrappers behind its beginning. */
function unwrapped(name: string, beginning: string, names: ReadonlyMap<string, unknown>): string | undefined {
  let rest = name.slice(beginning.length);
  for (;;) {
    if (names.has(beginning + rest)) return beginning + rest;
    const compiled = beginning + rest.replaceAll('_orig_mod.', '');
    if (names.has(compiled)) return compiled;
    if (!WRAPPER.test(rest)) return undefined;
    rest = rest.replace(WRAPPER, '');
  }
}

/** Whether two ways give every parameter the same values. */
function sameTensors<T extends Tensor>(a: Fit<T>, b: Fit<T>): boolean {
  return Array.from(a.tensors).every(([name, tensor]) => {
    const other = b.tensors.get(name);
    return other === tensor || (other?.place !== undefined && other.place === tensor.place);
  });
}
