# Runs a program on a terminal of its own (pty). Each line on stdin is "keys HEX", "size ROWS COLUMNS" or "sigint"; what the
# program shows comes on stdout as it is. Exits with the program's status; kills it when stdin ends.
import fcntl, os, pty, select, signal, struct, sys, termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


child, terminal = pty.fork()
if child == 0:
    resize(0, 24, 100)
    os.execvp(sys.argv[1], sys.argv[1:])
asked = b""
while True:
    readable, _, _ = select.select([0, terminal], [], [])
    if terminal in readable:
        try:
            shown = os.read(terminal, 65536)
        except OSError:  # Linux says so when the last process on the terminal has gone
            shown = b""
        if not shown:
            break
        os.write(1, shown)
    if 0 in readable:
        more = os.read(0, 65536)
        if not more:
            os.kill(child, signal.SIGKILL)
            break
        *lines, asked = (asked + more).split(b"\n")
        for line in lines:
            what, *values = line.split()
            if what == b"keys":
                os.write(terminal, bytes.fromhex(values[0].decode()))
            elif what == b"sigint":
                os.kill(child, signal.SIGINT)
            else:
                resize(terminal, int(values[0]), int(values[1]))
_, status = os.waitpid(child, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
