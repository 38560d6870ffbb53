"""The process behind `serve(..., own_process=True)`: scenario on stdin, port on stdout."""

import sys
import threading

from llms.simulator.app import Simulator
from llms.simulator.scenario import Scenario
from llms.simulator.server import Server, listen


def main() -> None:
    """Serve until stdin is closed, which the end of the parent does as well."""
    simulator = Simulator(Scenario.model_validate_json(sys.stdin.readline()))
    listener = listen()
    server = Server(simulator)

    def watch() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
