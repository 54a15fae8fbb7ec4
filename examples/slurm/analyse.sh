#!/bin/sh
#SBATCH --job-name=analyse
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=02:00:00
#SBATCH --output=analyse-%j.log
#
# Makes the report of what an array of observe.sh kept:
#
#     sbatch --dependency=afterok:ARRAY analyse.sh STORE OUTDIR [options]
set -eu
if [ "$#" -lt 2 ]; then
  echo "usage: sbatch --dependency=afterok:ARRAY analyse.sh STORE OUTDIR [options]" >&2
  exit 1
fi
store=$1
outdir=$2
shift 2
exec netdissect-native analyse "$store" --outdir "$outdir" --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
