"""A few hand-written rows of each table format, and exactly what they become."""

from __future__ import annotations

from tests.unit.replay.sample import Sample

MINUTE_NS = 60 * 10**9
SAMPLES = [
    Sample(
        "tardis-trades",
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        "gemini,DOTUSD,1760000000000001,1760000000500002,7,buy,4.050,0.10\n"
        # Contracts of 10 USD are no ATOM.
        "binance-delivery,ATOMUSD_PERP,1760000001000000,1760000001000001,8,sell,4.06,2\n"
        "coinbase,POL-USD,1760000002000000,1760000002000000,9,sell,nan,1\n",
        ticks=(
            "1760000000500002000,1760000000000001000,gemini:DOT/USD,,,4.050,,,0.10,",
            "1760000001000001000,1760000001000000000,binancecoinm:ATOM/USD:ATOM,,,4.06,,,,",
        ),
        refused={("coinbase:POL/USD", "not_finite"): 1},
    ),
    Sample(
        "tardis-quotes",
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        "binance-futures,BTCUSDT,1760000000000000,1760000000000900,2.5,100.10,100.00,0.001\n"
        "okex-swap,BTC-USDT-SWAP,1760000001000000,1760000001000900,12,100.2,100.1,40\n"
        "binance-futures,BTCUSDT,1760000002000000,1760000002000900,,,100.0,1\n"
        "binance-futures,BTCUSDT,1760000003000000,1760000003000900,,,,\n",
        ticks=(
            "1760000000000900000,1760000000000000000,binanceusdm:BTC/USDT:USDT,"
            "100.00,100.10,,0.001,2.5,,",
            "1760000001000900000,1760000001000000000,okx:BTC/USDT:USDT,100.1,100.2,,,,,",
            "1760000002000900000,1760000002000000000,binanceusdm:BTC/USDT:USDT,100.0,,,1,,,",
        ),
        refused={("binanceusdm:BTC/USDT:USDT", "no_price"): 1},
    ),
    Sample(
        "tardis-derivative-ticker",
        "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
        "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
        "bybit,BTCUSD,1760000000000000,1760000000000007,,0.0001,,5,100.5,100.1,100.2\n"
        "bybit,BTCUSD,1760000001000000,1760000001000007,,-0.00001234,,5,,100.1,100.2\n",
        ticks=(
            "1760000000000007000,1760000000000000000,bybit:BTC/USD:BTC,,,100.5,,,,0.0001",
            "1760000001000007000,1760000001000000000,bybit:BTC/USD:BTC,,,,,,,-0.00001234",
        ),
    ),
    Sample(
        "tardis-options-chain",
        "exchange,symbol,timestamp,local_timestamp,mark_price,underlying_index,underlying_price\n"
        "okex-options,BTC-USD-251031-80000-P,1760000000000000,1760000000200000,1,BTC-USD,121718.4\n"
        "deribit,ETH-7NOV25-4000-C,1760000001000000,1760000001200000,0.1,ETH-7NOV25,4321.0001\n",
        ticks=(
            "1760000000200000000,1760000000000000000,okxforward:BTC/USD:BTC-251031,,,121718.4,,,,",
            "1760000001200000000,1760000001000000000,deribitforward:ETH/USD:ETH-251107,"
            ",,4321.0001,,,,",
        ),
    ),
    Sample(
        "klines",
        # Milliseconds until 2024, microseconds since, as in Binance's own files.
        "1704067200000,1,9,0.5,42.10,3.5,1704067259999,7,2,1,1,0\n"
        "1760000000000000,1,9,0.5,43.00,0.00,1760000059999999,0,0,0,0,0\n",
        {"source": "binance:BTC/USDT"},
        ticks=(
            "1704067259999000000,1704067259999000000,binance:BTC/USDT,,,42.10,,,3.5,",
            "1760000059999999000,1760000059999999000,binance:BTC/USDT,,,43.00,,,0.00,",
        ),
    ),
    Sample(
        "candles",
        "Timestamp,Open,High,Low,Close,Volume\n"
        "2025-10-10 21:54:00,0.8873,0.9154,0.65,0.8304,20901789.0\n"
        "2025-10-10 21:55:00,0.83,0.84,0.82,,5\n",
        {"source": "binance:USDE/USDT", "interval_ns": MINUTE_NS},
        ticks=("1760133300000000000,1760133300000000000,binance:USDE/USDT,,,0.8304,,,20901789.0,",),
        refused={("binance:USDE/USDT", "no_price"): 1},
    ),
    Sample(
        "klines-long",
        "timestamp,venue,pair,open,high,low,close,volume\n"
        "2023-03-11T07:15:00Z,kraken,usdcusd,0.9,0.9,0.874,0.874,1.5\n"
        "2023-03-11T07:15:00Z,coinbase,usdtusd,1.01,1.01,1,1.0100,2\n"
        "2023-03-11T07:16:00Z,binanceus,BTC-USDC,1,1,1,20000,\n",
        {"interval_ns": MINUTE_NS},
        ticks=(
            "1678518960000000000,1678518960000000000,coinbase:USDT/USD,,,1.0100,,,2,",
            "1678518960000000000,1678518960000000000,kraken:USDC/USD,,,0.874,,,1.5,",
            "1678519020000000000,1678519020000000000,binanceus:BTC/USDC,,,20000,,,,",
        ),
    ),
    Sample(
        "bitmex-buckets",
        "timestamp,symbol,open,high,low,close,trades,volume,vwap,lastSize,homeNotional\n"
        "2020-03-12T00:00:00.000Z,XBTUSD,7931.5,7940,7931.0,7939.0,402,546048,7936.5,1,68.80617\n",
        ticks=("1583971200000000000,1583971200000000000,bitmex:BTC/USD:BTC,,,7939.0,,,68.80617,",),
    ),
    Sample(
        "uniswap-blocks",
        "time,blockNumber,token0Price,token1Price,timestamp\n"
        "x,1,0.99986954633103108278,1.000130470689349035705187321341697,1760112011\n"
        "x,2,1.01,0.99,1760112023\n",
        {"source": "uniswap3:0xe6d7", "base": "token0"},
        ticks=(
            "1760112011000000000,1760112011000000000,uniswap3:0xe6d7,,,1.00013047068934904,,,,",
            "1760112023000000000,1760112023000000000,uniswap3:0xe6d7,,,0.99,,,,",
        ),
    ),
    Sample(
        "uniswap-swaps",
        "block_timestamp,tx_type,amount0,amount1,sqrtPriceX96\n"
        # 20,000 in Q64.96: 4e8 smallest units of token1 for one of token0.
        f"2024-01-05 00:00:23,SWAP,-2500000000,{10**18},{20_000 << 96}\n"
        f"2024-01-05 00:00:35,MINT,5,5,{20_000 << 96}\n",
        {"source": "uniswap3:0x88e6", "base": "token1", "decimals": (6, 18)},
        ticks=(
            "1704412823000000000,1704412823000000000,uniswap3:0x88e6,,,2500.00000000000000,"
            ",,1.00000000000000000,",
        ),
        refused={("uniswap3:0x88e6", "no_price"): 1},
    ),
    Sample(
        "chainlink-rounds",
        "roundId,answer,startedAt,updatedAt,answeredInRound\n"
        "18446744073709551617,99997500,1613504612,1613585410,18446744073709551617\n"
        "18446744073709551618,-1,1613504612,1613585411,18446744073709551618\n"
        "18446744073709551619,100000000,1613504612,0,18446744073709551619\n",
        {"source": "chainlink:USDC/USD"},
        ticks=(
            "1613585410000000000,1613585410000000000,chainlink:USDC/USD,,,0.99997500,,,,",
            "1613585411000000000,1613585411000000000,chainlink:USDC/USD,,,-0.00000001,,,,",
        ),
        refused={("chainlink:USDC/USD", "malformed_time"): 1},
    ),
    Sample(
        "gmx-prices",
        "timestamp,WETH,$WIF,USDC.e\n2025-04-07 00:00:00,1578.3052875,0.33,1.0000054369355456\n"
        "2025-04-07 00:01:00,1581.8,,\n",
        ticks=(
            "1743984060000000000,1743984060000000000,gmx:USDC.e/USD,,,1.0000054369355456,,,,",
            "1743984060000000000,1743984060000000000,gmx:WETH/USD,,,1578.3052875,,,,",
            "1743984060000000000,1743984060000000000,gmx:WIF/USD,,,0.33,,,,",
            "1743984120000000000,1743984120000000000,gmx:WETH/USD,,,1581.8,,,,",
        ),
        refused={("gmx:WIF/USD", "no_price"): 1, ("gmx:USDC.e/USD", "no_price"): 1},
    ),
    Sample(
        "hyperliquid-archive",
        "time,coin,funding,open_interest,prev_day_px,day_ntl_vlm,premium,oracle_px,mark_px,mid_px,"
        "impact_bid_px,impact_ask_px\n"
        "2025-10-10T21:15:00Z,BTC,0.0000125,1,1,1,0,100.5,100.4,100.3,100.2,100.45\n"
        "2025-10-10T21:15:00Z,kPEPE,-0.01,1,1,1,,0.5,0.4,null,,\n",
        ticks=(
            "1760130900000000000,1760130900000000000,hyperliquid:BTC/USDC:USDC,"
            "100.2,100.45,100.3,,,,0.0000125",
            "1760130900000000000,1760130900000000000,hyperliquid:KPEPE/USDC:USDC,,,,,,,-0.01",
        ),
    ),
    Sample(
        "hyperliquid-funding",
        "time,coin,fundingRate,premium\n1704067200151,BTC,0.0000617991,0.0009\n"
        "1704070800006,BTC,-3.8917e-06,0\n",
        ticks=(
            "1704067200151000000,1704067200151000000,hyperliquid:BTC/USDC:USDC,,,,,,,0.0000617991",
            "1704070800006000000,1704070800006000000,hyperliquid:BTC/USDC:USDC,,,,,,,-3.8917e-06",
        ),
    ),
    Sample(
        "funding-rates",
        "calc_time,funding_interval_hours,last_funding_rate\n1704067200004,8,0.00010000\n",
        {"source": "binanceusdm:BTC/USDT:USDT"},
        ticks=(
            "1704067200004000000,1704067200004000000,binanceusdm:BTC/USDT:USDT,,,,,,,0.00010000",
        ),
    ),
    Sample(
        "ticks",
        "received_ns,event_ns,source,bid,ask,last,funding\n9,,a:B/C,1,2,,\n5,4,a:B/C,,,3,1e-4\n",
        ticks=("5,4,a:B/C,,,3,,,,1e-4", "9,,a:B/C,1,2,,,,,"),
    ),
]
