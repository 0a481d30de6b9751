"""Tests of jaxgan.core.distributed.clusters and of joining under Slurm and Open MPI."""

import os
import re
import socket
import subprocess
import sys
import textwrap

import pytest

from jaxgan.core import errors
from jaxgan.core.distributed import clusters

SLURM = {
    "SLURM_JOB_ID": "4098",
    "SLURM_STEP_NODELIST": "node[001-002]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
}
MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
}


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node001", "node001"),
        ("node001,host2", "node001"),
        ("node[001-0015],host2", "node001"),
        ("node[001,007-015],host2", "node001"),
        ("rack[2-3]n[4,6]", "rack2n4"),
    ],
)
def test_process_0_is_on_the_first_node_of_a_slurm_step(nodes, first):
    # Job 4098 has the port 61440 + 4098 % 4096.
    found = clusters.place(SLURM | {"SLURM_STEP_NODELIST": nodes})
    assert found == (f"{first}:61442", 2, 1)


def test_two_steps_of_a_job_have_ports_of_their_own():
    ports = {
        clusters.place(SLURM | {"SLURM_STEP_ID": step}).coordinator for step in "0123"
    }
    assert len(ports) == 4


def test_what_jax_is_told_has_the_last_word():
    told = {"JAX_COORDINATOR_PORT": "1234"}
    assert clusters.place(SLURM | told).coordinator == "node001:1234"
    told |= {"JAX_COORDINATOR_ADDRESS": "here:99"}
    assert clusters.place(SLURM | told).coordinator == "here:99"
    gpus = {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_STEP_TASKS_PER_NODE": "2"}
    assert clusters.own_gpus(SLURM | gpus) == [0]
    assert clusters.own_gpus(SLURM | gpus | {"JAX_LOCAL_DEVICE_IDS": "1"}) is None


@pytest.mark.parametrize("more", [{}, {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0"}])
def test_process_0_of_open_mpi_is_where_mpirun_is_in_a_slurm_job_too(more):
    port = 61440 + 1531576320 // 4096 % 4096
    assert clusters.place(MPI | more) == (f"10.96.0.1:{port}", 4, 3)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        # What an ssh session on a node has, and what a batch script has before srun.
        ({"SLURM_JOB_ID": "7"}, "the Slurm job 7 but none of its tasks, as SLURM_STEP"),
        (
            {name: SLURM[name] for name in SLURM if name != "SLURM_STEP_NODELIST"},
            "as SLURM_STEP_NODELIST is not set; start it by srun",
        ),
        (SLURM | {"SLURM_PROCID": "2"}, "SLURM_PROCID=2 must be below SLURM_NTASKS=2"),
        (SLURM | {"SLURM_PROCID": "one"}, "SLURM_PROCID='one' in the environment must"),
        (
            {name: MPI[name] for name in MPI if name != "OMPI_MCA_orte_hnp_uri"},
            "Open MPI does not say where process 0 is",
        ),
    ],
    ids=str,
)
def test_half_an_environment_gives_the_true_reason(environ, said):
    with pytest.raises(errors.UserError, match=re.escape(said)):
        clusters.place(environ)


def test_no_launcher_is_no_place():
    assert clusters.place({}) is None


GPUS = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "SLURM_GPUS_ON_NODE": "4"}


@pytest.mark.parametrize(
    ("environ", "own"),
    [
        # One task on each node has all of its devices.
        (SLURM | GPUS, None),
        ({name: own for name, own in SLURM.items() if "PER" not in name} | GPUS, None),
        # Tasks that see the same devices share them.
        (SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "1,4"}, [0]),
        (
            SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_LOCALID": "1"},
            [2, 3],
        ),
        (
            SLURM | {"SLURM_STEP_TASKS_PER_NODE": "4(x2)", "SLURM_GPUS_ON_NODE": "4"},
            [0],
        ),
        # Tasks that see their own keep them.
        (
            SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "4", "SLURM_LOCALID": "3"}
            | {"CUDA_VISIBLE_DEVICES": "3"},
            None,
        ),
        (
            SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_LOCALID": "1"}
            | {"CUDA_VISIBLE_DEVICES": "2,3"},
            None,
        ),
        (SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "2"}
         | {"SLURM_GPUS_PER_TASK": "a100:4", "SLURM_GPUS_ON_NODE": "8"}, None),
        (MPI | {"CUDA_VISIBLE_DEVICES": "0,1"}, [1]),
        (MPI | {"CUDA_VISIBLE_DEVICES": ""}, None),
        # Who is in a job by ssh, or started by hand, is alone.
        ({"SLURM_JOB_ID": "7", "SLURM_LOCALID": "0"} | GPUS, None),
        (GPUS, None),
    ],
)  # fmt: skip
def test_all_devices_of_a_node_are_used_once(environ, own):
    assert clusters.own_gpus(environ) == own


def test_devices_that_cannot_be_shared_evenly_are_refused():
    with pytest.raises(errors.UserError, match="3 processes of this node see 4 GPUs"):
        clusters.own_gpus(SLURM | GPUS | {"SLURM_STEP_TASKS_PER_NODE": "3"})


def test_a_process_that_does_not_come_under_slurm_is_named(monkeypatch):
    from jaxgan.core.distributed import processes

    port = free_port()
    here = {"SLURM_STEP_NODELIST": "localhost", "JAX_COORDINATOR_PORT": str(port)}
    for name, value in (SLURM | here | {"SLURM_PROCID": "0"}).items():
        monkeypatch.setenv(name, value)
    said = rf"auto \(localhost:{port}\): of 2 processes number 1 did not come within 1"
    with pytest.raises(errors.UserError, match=said):
        processes.join("auto", None, None, seconds=1)
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(errors.UserError, match=r"auto \(.*nobody answers there within"):
        processes.join("auto", None, None, seconds=1)


@pytest.mark.parametrize("flags", [(2, None), (None, 0)])
def test_numbers_do_not_go_with_auto(flags):
    from jaxgan.core.distributed import processes

    with pytest.raises(errors.UserError, match="it goes with --coordinator HOST:PORT"):
        processes.join("auto", *flags, seconds=1)


PROGRAM = textwrap.dedent("""
    import sys
    from jaxgan.scripts import cli
    cli.compile_fast()
    import jax
    jax.config.update("jax_num_cpu_devices", 3)
    from jaxgan.core.distributed import processes

    def main(coordinator):
        numbers = (None, None) if coordinator == "auto" else map(int, sys.argv[2:])
        processes.join(coordinator, *numbers, seconds=60)
        print("visible:", jax.config.values["jax_cuda_visible_devices"])
        processes.barrier("joined")

    cli.run(main, sys.argv[1])
""")


@pytest.mark.parametrize("auto", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_one_task_on_each_node_of_slurm_uses_all_devices_and_says_so(auto):
    port = free_port()
    here = {"SLURM_STEP_NODELIST": "localhost", "JAX_COORDINATOR_PORT": str(port)}
    processes = []
    for i in range(2):
        own = here | {"SLURM_PROCID": str(i), "SLURM_NODEID": str(i)} | GPUS
        words = ["auto"] if auto else [f"localhost:{port}", "2", str(i)]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            env=os.environ | SLURM | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
    try:
        said = [process.communicate(timeout=180) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for i, (out, error) in enumerate(said):
        assert processes[i].returncode == 0, error[-3000:]
        assert f"process {i} of 2 on {socket.gethostname()}: 3 of 6 devices, 3 x" in out
        assert "visible: all" in out


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]
