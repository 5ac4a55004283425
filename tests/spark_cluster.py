"""A real Spark cluster on loopback, from the jars of the `pyspark` package: a master, two workers, a Connect server."""

from __future__ import annotations

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
    """Starts when it is made. `url` is what ASKCOST_SPARK_URL takes."""

    def __init__(self, folder: Path, worker_mb: int = 512, driver_mb: int = 768) -> None:
        self._folder, self._home = folder, _home()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        master, connect = _free_port(), _free_port()
        self.url = f"sc://127.0.0.1:{connect}"
        spark = f"spark://127.0.0.1:{master}"
        self._start("master", 192, "org.apache.spark.deploy.master.Master",
                    "--host", "127.0.0.1", "--port", str(master), "--webui-port", "0")  # fmt: skip
        self._await(master)
        settings = {
            "spark.executor.memory": f"{worker_mb}m",
            "spark.executor.cores": "1",
            "spark.executor.extraJavaOptions": " ".join(SMALL),
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(connect),
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(folder / "tables"),
            "spark.ui.enabled": "false",
        }
        pairs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        self._start("connect", driver_mb, "org.apache.spark.deploy.SparkSubmit", "--master", spark, "--class",
                    "org.apache.spark.sql.connect.service.SparkConnectServer", *pairs, "spark-internal")  # fmt: skip
        for number in (1, 2):
            self._start(f"worker{number}", 128, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1",
                        "--webui-port", "0", "--cores", "1", "--memory", f"{worker_mb}m",
                        "--work-dir", str(folder / f"work{number}"), spark)  # fmt: skip
        self._await(connect)

    def kill_worker(self, name: str = "worker1") -> None:
        """The worker and its executor at once, as when a machine is lost."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)

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
