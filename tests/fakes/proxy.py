"""A proxy between a client and one server as bad ones are: it holds answers back until they are whole, or cuts silence."""
import socket
import threading


class BadProxy:
    """target: port on loopback. buffers: nothing goes on before the server is through. cut_after_s: seconds of the
    server's silence after which both connections are closed."""

    def __init__(self, target, buffers=False, cut_after_s=None):
        self.target = target
        self.buffers = buffers
        self.cut_after_s = cut_after_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        """One request, and the connection is over."""
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            server.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            server.settimeout(self.cut_after_s)
            held = b""
            try:
                while piece := server.recv(65536):
                    held += piece
                    if not self.buffers:
                        client.sendall(held)
                        held = b""
                client.sendall(held)
            except OSError:
                return
