/** Which process something belongs to, so that what a dead one left behind can be told from what is in use. */

import fs from 'node:fs';
import os from 'node:os';

/** When a process began, in ticks since the machine's start; 0 where the system does not tell, -1 where there is none. */
function startOf(pid: number): number {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {}
  try {
    process.kill(pid, 0);
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 0 : -1;
  }
}

const host = os.hostname().replace(/[^\w.-]/g, '_');

/** This process: `PID.START@HOST`. */
export const OWNER = `${process.pid}.${startOf(process.pid)}@${host}`;

/** Whether the process is over; one of another machine is taken to live. */
export function isDead(owner: string): boolean {
  const [, pid, start, on] = /^(\d+)\.(\d+)@(.+)$/.exec(owner) ?? [];
  return on === host && startOf(Number(pid)) !== Number(start);
}
