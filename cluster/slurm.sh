#!/bin/bash
# sbatch [--nodes=N --gpus-per-node=N --time=T ...] cluster/slurm.sh FLAGS OF train.py
# One run over all nodes of a Slurm job: submit it in this project's folder, on a shared disk.
#SBATCH --job-name=pgan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes before the time is up all workers save and end; the job then waits for its next turn.
#SBATCH --signal=TERM@120

port=2222
workers=()
for host in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
  workers+=("$host:$((port + ${#workers[@]}))") # ports of their own: simulated nodes share one host
done
srun bash -c 'exec bash cluster/worker.sh "$SLURM_NODEID" "$@"' srun "${workers[*]}" "$@"
status=$?
if [ "$status" = 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
