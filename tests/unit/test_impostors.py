"""What has a status of success and is no delivery, and what only looks like that."""

import json

import pytest

from penstock import causes
from penstock.destinations.answer import Accepted, Barred, Refused, Unavailable, read_answer
from penstock.destinations.impostors import brief, error_in, is_page

LOGIN = "<!DOCTYPE html>\n<html><head><title>ACME &amp; Co\n: Log in</title></head><body>…</body></html>"


def named(status, text, content_type="application/json"):
    return read_answer(status, headers={"content-type": content_type}, text=text, now=0.0)


@pytest.mark.parametrize(
    "page",
    [
        LOGIN,
        "\ufeff  \n" + LOGIN,
        "<html>",
        "<!-- maintenance --><h1>Back soon</h1>",
        "<?xml version='1.0'?><error/>",
    ],
)
@pytest.mark.parametrize("status", [200, 202, 400, 403, 404, 409, 422])
def test_a_page_is_no_answer_of_custify_whatever_its_status_and_type(status, page):
    assert named(status, page) == Barred(status, page, causes.NOT_THE_API)


@pytest.mark.parametrize("text", ["Please <p>log in</p>", "loading <script>x</script>"])
def test_a_page_that_begins_with_words_is_known_by_its_type(text):
    assert named(200, text, "text/html; charset=utf-8") == Barred(200, text, causes.NOT_THE_API)
    assert named(200, text, "text/plain") == Accepted(200, text)


@pytest.mark.parametrize("text", ["", "OK", "  ", "{}", "[]", '[{"people":[]}]', "null", '"<p>"', "\x00\x01", "a < b"])
@pytest.mark.parametrize("content_type", ["", "application/json", "text/html", "text/plain"])
def test_an_empty_or_unknown_yes_of_the_api_is_a_delivery(text, content_type):
    assert named(202, text, content_type) == Accepted(202, text)


def test_a_web_servers_page_about_the_size_of_a_payload_is_about_that_payload():
    assert isinstance(named(413, LOGIN), Refused)
    assert isinstance(named(414, LOGIN), Refused)


def test_a_page_of_an_outage_is_an_outage_and_one_with_401_is_about_the_key():
    assert isinstance(named(503, LOGIN), Unavailable)
    assert named(401, LOGIN) == Barred(401, LOGIN)


@pytest.mark.parametrize(
    "text",
    [
        '{"error":"no such workspace"}',
        '{"error":true}',
        '{"id":"1","error":{"code":7}}',
        '{"errors":["a","b"]}',
        '{ "success" : false , "errors" : {"x":1} }',
        '\ufeff{"error":1}',
        '{"error":"' + "x" * 100_000,
        '{"error":' + "[" * 100_000,
        '{"a":{"error":0},"error":"late"} trailing',
        '{"a":NaN,"error":"x"}',
        '{"Error":"AccessDenied"}',
        '{"ERRORS":["x"]}',
        # What says that it is no success, or which status was meant.
        '{"success":false}',
        '{"success": false, "message": "quota"}',
        '{"message":"Internal Server Error","statusCode":500}',
        '{"status":422,"title":"Unprocessable"}',
        '{"ok":false}',
        # AWS Lambda behind a gateway; Apigee; Spring.
        '{"errorMessage":"Task timed out","errorType":"Sandbox.Timedout"}',
        '{"fault":{"faultstring":"Rate limit"}}',
        '{"exception":"java.lang.NullPointerException"}',
    ],
)
def test_a_success_with_an_error_at_its_top_is_no_delivery(text):
    assert named(200, text) == Barred(200, text, causes.ERROR_ANSWER)
    assert error_in(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"error":null}',
        '{"error":false,"errors":[]}',
        '{"errors":{},"error":""}',
        '{"id":"1","custom_attributes":{"error":"disk full"}}',
        '[{"error":"in a list"}]',
        '{"name":"\\"error\\": 1"}',
        '{"error_count":3,"errors_seen":["x"]}',
        '{"custom_attributes":{"error":"cut off he',
        '{"id":"1"',
        "{",
        '{"error"',
        '{"success":true}',
        '{"success":"false"}',
        '{"statusCode":200}',
        '{"status":"active","code":"Success"}',
        '{"id":"1","custom_attributes":{"success":false,"status":500}}',
        '{"code":500500}',
        '{"status":499.5}',
    ],
)
def test_an_attribute_named_error_or_none_at_all_is_a_delivery(text):
    assert named(200, text) == Accepted(200, text)


def test_a_long_echo_that_was_cut_off_is_a_delivery():
    text = json.dumps({"id": "1", "custom_attributes": {"error": "x" * 200_000}})[:65_536]

    assert named(200, text) == Accepted(200, text)


def test_a_sentence_has_room_for_a_headline_or_for_some_words():
    assert brief(LOGIN) == "a web page, “ACME & Co : Log in”"
    assert brief("<p>hm</p>") == "a web page"
    assert brief("<h1>Back <b>soon</b></h1>") == "a web page, “Back soon”"
    assert len(brief("x" * 65_536)) < 600
    assert brief("no such field") == "no such field"


def test_json_that_quotes_a_page_is_none():
    assert not is_page('{"html":"<html>"}', "text/html")
