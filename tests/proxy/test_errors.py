from proxy.errors import ClientViolation, ProxyError, as_response, error_response, notice_response
from proxy.wire.backend import Backend, Diagnostic


def test_every_field():
    error = ProxyError("message", sqlstate="0A000", detail="detail", hint="hint", position=7)
    message = as_response(error)
    fields = Diagnostic.decode(Backend.ERROR_RESPONSE, message[5:]).fields
    assert fields == {
        "S": b"FATAL",
        "V": b"FATAL",
        "C": b"0A000",
        "M": b"message",
        "D": b"detail",
        "H": b"hint",
        "P": b"7",
    }


def test_what_is_empty_is_left_out():
    fields = Diagnostic.decode(Backend.ERROR_RESPONSE, as_response(ClientViolation("no"))[5:]).fields
    assert list(fields) == ["S", "V", "C", "M"]


def test_a_nul_cannot_end_a_field_early():
    message = error_response("a\0b", sqlstate="XX000")
    assert Diagnostic.decode(Backend.ERROR_RESPONSE, message[5:]).fields["M"] == b"ab"
    assert message.endswith(b"ab\0\0")


def test_the_clients_encoding():
    assert b"na\xefve" in error_response("naïve", sqlstate="XX000", encoding="iso8859-1")
    assert b"M?\0" in error_response("日", sqlstate="XX000", encoding="iso8859-1")


def test_notice():
    message = notice_response("careful", sqlstate="25P01")
    assert message[0] == Backend.NOTICE_RESPONSE
    assert Diagnostic.decode(message[0], message[5:]).fields["S"] == b"WARNING"
