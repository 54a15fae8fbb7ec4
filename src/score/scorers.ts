/** The scores beside IoU that can be asked for: those that were shown to tell true concepts from wrong ones. */

import { auprc } from './auprc';
import { cosine } from './cosine';
import { f1 } from './f1';
import { phi } from './phi';
import type { Scorer } from './scorer';

export const SCORERS: Readonly<Record<ScoreName, Scorer>> = { phi, cosine, f1, auprc };

export const SCORE_NAMES = ['phi', 'cosine', 'f1', 'auprc'] as const;
export type ScoreName = (typeof SCORE_NAMES)[number];
