/** Which of a checkpoint's tensors a model's parameters and buffers get. */

import type { Parameter } from '../../native/native';
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

/** More of them than names have, so that none takes long. */
const MOST_WRAPPERS = 4;
const MOST_DOTS = 64;

/** One way to find parameters: tensors by parameter, under a path of the checkpoint. */
interface Fit<T> {
  key: string;
  tensors: Map<string, T>;
  /** How many of the required parameters find a tensor, and one of their shape. */
  found: number;
  shaped: number;
  /** Whether no wrapper had to be taken off. */
  exact: boolean;
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
  const ways = fits(tensors, parameters);
  const equal = ways.filter(fit => fit.shaped === ways[0].shaped && fit.found === ways[0].found);
  const first = equal.find(fit => fit.key === (key ?? '') && fit.exact) ?? equal[0];
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
    } else if (!shaped(tensor, parameter))
      match.misshapen.push({ name, expected: shape, found: tensor.shape });
    else match.matched.push({ parameter, tensor });
  }
  const taken = new Set(found.values());
  const holders = new Set(Array.from(taken, ({ holder }) => holder));
  match.unexpected = tensors
    .filter(tensor => !taken.has(tensor) && (found.size === 0 || holders.has(tensor.holder)))
    .map(({ name }) => name);
  const asIs = best && best.key === (key ?? '') && best.exact;
  if (best && !asIs && match.missing.length + match.misshapen.length === 0) {
    const needed = parameters.filter(required).map(({ name }) => name);
    const different: Fit<T>[] = [];
    for (const fit of equal)
      if (!different.some(other => sameTensors(fit, other, needed))) different.push(fit);
    if (different.length > 1) match.choices = different.map(fit => fit.key);
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
      const needed = Array.from(found.keys()).filter(name => required(byName.get(name)!));
      fits.push({
        key: path,
        tensors: chosen,
        found: needed.length,
        shaped: needed.filter(name => shaped(chosen.get(name)!, byName.get(name)!)).length,
        exact: needed.every(name => found.get(name)!.exact),
      });
    }
  }
  return fits.sort(
    (a, b) =>
      b.shaped - a.shaped ||
      b.found - a.found ||
      Number(b.exact) - Number(a.exact) ||
      a.key.length - b.key.length,
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
  let dot = name.indexOf('.');
  for (let i = 0; dot >= 0 && i < MOST_DOTS; i++) {
    yield [name.slice(0, dot), name.slice(dot + 1)];
    dot = name.indexOf('.', dot + 1);
  }
}

/** The parameter of that name, or of what is left of it without wrappers behind its beginning. */
function unwrapped(name: string, beginning: string, names: ReadonlyMap<string, unknown>): string | undefined {
  let rest = name.slice(beginning.length);
  for (let i = 0; ; i++) {
    if (names.has(beginning + rest)) return beginning + rest;
    const compiled = beginning + rest.replaceAll('_orig_mod.', '');
    if (names.has(compiled)) return compiled;
    if (i === MOST_WRAPPERS || !WRAPPER.test(rest)) return undefined;
    rest = rest.replace(WRAPPER, '');
  }
}

/** Whether two ways give the same values. */
function sameTensors<T extends Tensor>(a: Fit<T>, b: Fit<T>, names: readonly string[]): boolean {
  return names.every(name => {
    const [one, other] = [a.tensors.get(name), b.tensors.get(name)];
    return one === other || (one?.place !== undefined && one.place === other?.place);
  });
}
