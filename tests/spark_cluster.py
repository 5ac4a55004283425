"""A real Spark cluster on loopback, from the jars of the `pyspark` package: a master, two workers, a Connect server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

# What Spark's own scripts open for it, of Java's modules.
OPENED = ["java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
          "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
          "sun.security.action", "sun.util.calendar"]  # fmt: skip
SMALL = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]  # these live for a minute
START_SECONDS = 90.0


class SparkCluster:
    """`url` is what ASKCOST_SPARK_URL takes, once it has started."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._home = folder, _home()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._connect = _free_port()
        self.url = f"sc://127.0.0.1:{self._connect}"

    def start(self, worker_mb: int = 512, driver_mb: int = 768, large: bool = False) -> None:
        """large: with what pays for tables of millions of rows only."""
        master, connect = _free_port(), self._connect
        spark = f"spark://127.0.0.1:{master}"
        self._start("master", 192, "org.apache.spark.deploy.master.Master",
                    "--host", "127.0.0.1", "--port", str(master), "--webui-port", "0")  # fmt: skip
        self._await(master)
        settings = {
            "spark.executor.memory": f"{worker_mb}m",
            "spark.executor.cores": "1",
            "spark.executor.extraJavaOptions": " ".join([] if large else SMALL),
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(connect),
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.adaptive.enabled": str(large).lower(),
            "spark.sql.codegen.wholeStage": str(large).lower(),
            "spark.task.reaper.enabled": "true",  # else a join that is cancelled goes on to its end (docs/engines.md)
            "spark.task.reaper.killTimeout": "2s",
            "spark.task.reaper.pollingInterval": "1s",
            "spark.sql.warehouse.dir": str(self._folder / "tables"),
            "spark.ui.enabled": "false",
        }
        pairs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        self._start("connect", driver_mb, "org.apache.spark.deploy.SparkSubmit", "--master", spark, "--class",
                    "org.apache.spark.sql.connect.service.SparkConnectServer", *pairs, "spark-internal")  # fmt: skip
        for number in (1, 2):
            self._start(f"worker{number}", 128, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1",
                        "--webui-port", "0", "--cores", "1", "--memory", f"{worker_mb}m",
                        "--work-dir", str(self._folder / f"work{number}"), spark)  # fmt: skip
        self._await(connect)

    def stop(self) -> None:
        """Ends every process of it, and nothing else."""
        for process in reversed(self.processes.values()):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()

    def _start(self, name: str, megabytes: int, main: str, *arguments: str) -> None:
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        with (self._folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                ["java", "-cp", f"{self._home}/jars/*", f"-Xmx{megabytes}m", *SMALL, *opened, main, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "SPARK_HOME": str(self._home),
                     "SPARK_SCALA_VERSION": "2.13", "SPARK_LOCAL_IP": "127.0.0.1",
                     "SPARK_LOCAL_DIRS": str(self._folder / "local"), "PYSPARK_PYTHON": sys.executable,
                     "TZ": "America/New_York"},
            )  # fmt: skip

    def _await(self, port: int) -> None:
        def open_() -> bool:
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead:
                raise RuntimeError(f"{dead[0]}: {(self._folder / f'{dead[0]}.log').read_text()[-2000:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(open_)


def wait_for(happened: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.1)


def _home() -> Path:
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(told: Path, while_lives: int) -> None:
    """Starts a cluster that ends with process `while_lives`, in a process of its own; url and pids go into `told`."""
    command = [sys.executable, __file__, str(told), str(while_lives)]
    process = subprocess.Popen(command, start_new_session=True)
    wait_for(lambda: told.exists() or process.poll() is not None)
    assert told.exists(), f"the cluster did not start; {told.parent} has its logs"
    process.returncode = 0  # it is to outlive this handle


def main(told: Path, while_lives: int) -> None:
    cluster = SparkCluster(told.parent)
    try:
        cluster.start()
        pids = {name: process.pid for name, process in cluster.processes.items()}
        partial = told.with_suffix(".part")
        partial.write_text(json.dumps({"url": cluster.url, "pids": pids}))
        partial.rename(told)
        while Path(f"/proc/{while_lives}").exists():
            time.sleep(0.5)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
