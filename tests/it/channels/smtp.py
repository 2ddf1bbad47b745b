"""An SMTP server for tests: keeps what it accepts, and fails as it is told.

Arguments: a directory, and whether it wants user and password. It prints its port, appends each
accepted mail to mails.jsonl as an independent reader understands it, and looks into the file mode
for each recipient: refuse, defer, lose (accept, then drop the connection), or nothing.
"""

import asyncio
import email
import email.policy
import json
import pathlib
import sys

from aiosmtpd.smtp import SMTP, AuthResult

HERE = pathlib.Path(sys.argv[1])
WITH_LOGIN = sys.argv[2] == "login"


def mode():
    file = HERE / "mode"
    return file.read_text().strip() if file.exists() else ""


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if mode() == "refuse":
            return "550 5.1.1 no such mailbox"
        if mode() == "defer":
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: (body := mail.get_body((kind,))) and body.get_content().replace("\r\n", "\n")
        files = [
            {
                "name": file.get_filename(),
                "type": file.get_content_type(),
                "method": file.get_param("method"),
                "text": file.get_content(),
            }
            for file in mail.iter_attachments()
        ]
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "plain": part("plain"),
            "html": part("html"),
            "files": files,
        }
        with open(HERE / "mails.jsonl", "a") as file:
            file.write(json.dumps(kept) + "\n")
        if mode() == "lose":
            server.transport.abort()
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    good = data.login == b"lua" and data.password == b"s3cret/@"
    return AuthResult(success=good, handled=good)


def smtp():
    if not WITH_LOGIN:
        return SMTP(Handler(), hostname="mail.test")
    return SMTP(Handler(), hostname="mail.test", authenticator=login, auth_required=True, auth_require_tls=False)


async def main():
    server = await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it, however that ended.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
