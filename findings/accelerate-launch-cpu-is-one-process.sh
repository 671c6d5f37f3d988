#!/usr/bin/env bash
# Guess: `accelerate launch --cpu --num_processes 2 train.py` trains in two processes, as the option
#   says ("the total number of processes to be launched in parallel"), and as without --cpu on GPUs.
# Fact: it starts one, with exit status 0; what it prints names other defaults and does not say that
#   a number was dropped. So does a configuration file of distributed_type MULTI_CPU with
#   num_processes 2. More than one needs mpirun, and the file of its hosts. A rehearsal of a
#   distributed fit on a laptop (a network in skorch's AccelerateMixin, say) rehearses nothing:
#   no gradient is averaged, and the batch is half of what was meant. torchrun starts two of the
#   same script, and Accelerator() finds both.
# Versions: accelerate 1.15.0, torch 2.13.0; found 2026-11-29.
# Source: measured; accelerate/commands/launch.py (simple_launcher), the help of the command.
# To do: `torchrun --nproc_per_node 2 train.py`; and let the script compare
#   accelerator.num_processes with what was asked for.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'accelerate==1.15.0' 'numpy==2.4.6'
cat > train.py <<'PY'
import sys

import accelerate
import torch
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)
total = accelerator.reduce(torch.ones(1), reduction="sum").item()
if accelerator.is_main_process:
    kind = accelerator.distributed_type.value
    print(accelerator.num_processes, int(total), kind, accelerate.__version__, torch.__version__)
    sys.stdout.flush()
if accelerator.num_processes > 1:
    torch.distributed.destroy_process_group()
PY
cat > multi_cpu.yaml <<'YAML'
distributed_type: MULTI_CPU
num_machines: 1
num_processes: 2
machine_rank: 0
main_process_ip: 127.0.0.1
main_process_port: 29511
use_cpu: true
mixed_precision: 'no'
YAML
export OMP_NUM_THREADS=1
venv/bin/accelerate launch --cpu --num_processes 2 train.py > by_option.txt 2> said.txt
venv/bin/torchrun --nproc_per_node 2 train.py > by_torchrun.txt 2> /dev/null
venv/bin/accelerate launch --config_file multi_cpu.yaml train.py > by_file.txt 2> /dev/null
echo "processes, sum of ones over them, kind, versions"
echo "accelerate launch --cpu --num_processes 2: $(tail -1 by_option.txt)"
echo "torchrun --nproc_per_node 2:               $(tail -1 by_torchrun.txt)"
echo "accelerate launch --config_file:           $(tail -1 by_file.txt)"
echo "lines on standard error of the first that name num_processes: $(grep -c num_processes said.txt || true)"
read -r n total _ < by_option.txt
read -r n_file total_file _ < by_file.txt
read -r n_torchrun total_torchrun _ < <(tail -1 by_torchrun.txt)
[ "$n $total $n_file $total_file $n_torchrun $total_torchrun" = "1 1 1 1 2 2" ] || {
    echo "This has changed."
    exit 1
}
