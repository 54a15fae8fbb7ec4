#!/bin/sh
#SBATCH --job-name=observe
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=1-00:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=observe-%A-%a.log
#
# Observes a part of the images in each task of an array:
#
#     sbatch --array=1-N observe.sh STORE --model FILE --layers LAYER... [options]
#
# STORE is a folder that all nodes see.
set -eu
if [ "$#" -lt 2 ]; then
  echo "usage: sbatch --array=1-N observe.sh STORE --model FILE --layers LAYER... [options]" >&2
  exit 1
fi
store=$1
shift
cores=${SLURM_CPUS_PER_TASK:-1}
# exec: a signal of Slurm's meets the program itself
exec netdissect-native "$@" --store "$store" --shard auto --threads "$cores" --num_workers "$cores"
