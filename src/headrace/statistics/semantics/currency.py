"""Currencies: ISO 4217 codes, or amounts with a sign."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Currency"]

_CODES_LISTED = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG
HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS
VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""
_CODES = frozenset(_CODES_LISTED.split())
_AMOUNT = re.compile(r"[-(]?\s*[$€£¥₹₩]\s*-?\d[\d.,' ]*\)?|-?\d[\d.,' ]*\s*[$€£¥₹₩]")
_MOST = 0.95


class Currency(SemanticType):
    """Texts that are currency codes (two at least), or amounts with a currency sign."""

    rank = 13

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the values."""
        share = seen.share(lambda value: value.upper() in _CODES)
        if share >= _MOST and len(seen.values) > 1:
            return Evidence(share, f"{share:.0%} of values are ISO 4217 codes")
        share = seen.share(_AMOUNT.fullmatch)
        return Evidence(share, f"{share:.0%} of values are amounts with a currency sign") if share >= _MOST else None
