/** `netdissect-native doctor`: what there is to run with, and why not. */

import { NetdissectError } from '../base/errors';
import { type Candidate, type Examination, examine } from '../native/examine';
import { settingFile, sourceInWords, sources } from '../native/libtorch';
import type { DoctorValues } from './install-options';
import type { Terminal } from './interrupt';

export function runDoctor({ json }: DoctorValues, { stdout }: Terminal): void {
  const found = examine();
  const { version } = require('../../package.json');
  stdout.write(json ? `${JSON.stringify({ version, ...found }, null, 2)}\n` : `${inWords(version, found)}\n`);
  if (!found.candidates.some(({ used }) => used))
    throw new NetdissectError(
      'ERR_NETDISSECT_ADDON',
      found.addonProblem ??
        'models cannot be run; correct what is said above, or run `netdissect-native setup`',
    );
}

function inWords(version: string, found: Examination): string {
  const { addon, candidates } = found;
  const lines = [
    `netdissect-native ${version}, ${found.runtime}, ${found.platform}${found.glibc ? `, glibc ${found.glibc}` : ''}`,
    `addon: ${addon ? `${addon.file}, ${addon.source} for LibTorch ${addon.builtFor ?? '?'}` : found.addonProblem}`,
    'LibTorch, in the order in which it is looked for (* is the one that is used):',
  ];
  for (const source of sources) {
    const candidate = candidates.find(one => one.source === source);
    lines.push(
      candidate
        ? `${candidate.used ? '*' : ' '} ${sourceInWords(source)}: ${candidateInWords(candidate)}`
        : `  ${sourceInWords(source)}: ${source === 'setup' ? `nothing in ${settingFile()}` : 'none'}`,
    );
  }
  const { driver } = found;
  const devices = driver?.devices.map(
    ({ name, bytes, capability }) => `${name} (${Math.round(bytes / 2 ** 30)} GiB, capability ${capability})`,
  );
  lines.push(
    driver
      ? `CUDA driver: for CUDA ${driver.version}; ${devices?.join(', ') || 'no device'}`
      : `CUDA driver: none (${found.driverProblem})`,
  );
  const used = candidates.find(one => one.used);
  if (used?.ran) {
    const { version: runs, simd, cuda, cudaProblem } = used.ran;
    const where = cuda ? 'on CUDA' : `on the processor (${simd})`;
    const why = driver || used.flavour === 'cuda' ? `, not on CUDA: ${cudaProblem}` : '';
    lines.push(`models run with LibTorch ${runs} ${where}${cuda ? '' : why}`);
  }
  return lines.join('\n');
}

const FLAVOURS = { cpu: 'for processors', cuda: 'for CUDA', rocm: 'for ROCm' };

function candidateInWords({ folder, version, flavour, cxx11, problem, used }: Candidate): string {
  const kind = flavour ? ` ${FLAVOURS[flavour]}` : '';
  const abi = cxx11 === false ? ', C++ ABI of before GCC 5' : '';
  const what = `${version ?? 'of unknown version'}${kind} in ${folder}${abi}`;
  return problem === null ? `${what}; it runs${used ? '' : ', too'}` : `${what}; not used: ${problem}`;
}
