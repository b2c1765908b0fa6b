// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice One side of an epoch: what was asked, what of that was filled, and what was given for it.
struct Batch {
    uint256 asked;
    uint256 filled;
    uint256 given;
    bool priced;
}

/// @notice A controller's part of a batch.
struct Request {
    /// @dev What was asked, and is not cancelled; once `split`, what was filled and is not claimed.
    uint248 left;
    bool split;
}

/// @notice The epochs in which a controller has something, in rising order; 0 for none. There are two
/// at most that take requests, and whoever asks anew claims what is older.
struct Line {
    uint128 first;
    uint128 second;
}

/// @notice The requests of one side: for shares, or for assets.
struct Book {
    mapping(uint256 epoch => Batch) batches;
    mapping(uint256 epoch => mapping(address controller => Request)) requests;
    mapping(address controller => Line) lines;
}

/// @title Requests
/// @notice Gather, split and claim the requests of one side. Every division is rounded down for who
/// claims; nothing loops over controllers.
library Requests {
    using SafeCast for uint256;

    /// @dev Add to a controller's request. Its line has room: see `isFull`.
    function add(Book storage book, address controller, uint256 epoch, uint256 amount) internal {
        book.batches[epoch].asked += amount;
        book.requests[epoch][controller].left += amount.toUint248();
        Line storage line = book.lines[controller];
        if (line.first == 0) line.first = uint128(epoch);
        else if (line.first != epoch) line.second = uint128(epoch);
    }

    /// @dev Whether a controller must claim its first epoch before it asks in this one.
    function isFull(Book storage book, address controller, uint256 epoch)
        internal
        view
        returns (bool)
    {
        Line storage line = book.lines[controller];
        return line.second != 0 && line.second != epoch && line.first != epoch;
    }

    /// @dev Take a request that is not priced out of its batch.
    function cancel(Book storage book, address controller, uint256 epoch)
        internal
        returns (uint256 amount)
    {
        Batch storage batch = book.batches[epoch];
        if (batch.priced) return 0;
        amount = book.requests[epoch][controller].left;
        if (amount == 0) return 0;
        batch.asked -= amount;
        delete book.requests[epoch][controller];
        Line storage line = book.lines[controller];
        if (line.first == epoch) line.first = line.second;
        line.second = 0;
    }

    function price(Book storage book, uint256 epoch, uint256 filled, uint256 given) internal {
        Batch storage batch = book.batches[epoch];
        (batch.filled, batch.given, batch.priced) = (filled, given, true);
    }

    /// @dev Once the controller's first epoch is priced, divide its request into what was filled and
    /// what goes back.
    /// @return epoch The first one.
    /// @return back What goes back, the first time.
    function split(Book storage book, address controller)
        internal
        returns (uint256 epoch, uint256 back)
    {
        epoch = book.lines[controller].first;
        Batch storage batch = book.batches[epoch];
        Request storage request = book.requests[epoch][controller];
        if (!batch.priced || request.split) return (epoch, 0);
        uint256 asked = request.left;
        uint256 unfilled = batch.asked - batch.filled;
        if (unfilled != 0) {
            back = Math.mulDiv(asked, unfilled, batch.asked);
            request.left = uint248(Math.mulDiv(asked, batch.filled, batch.asked));
        }
        request.split = true;
        if (request.left == 0) _leave(book, controller, epoch);
    }

    /// @dev Claim at most `most` of what was filled in the controller's first epoch, once it is split.
    function claimIn(Book storage book, address controller, uint256 most)
        internal
        returns (uint256 taken, uint256 given)
    {
        uint256 epoch = book.lines[controller].first;
        Batch storage batch = book.batches[epoch];
        Request storage request = book.requests[epoch][controller];
        if (!request.split) return (0, 0);
        taken = Math.min(request.left, most);
        given = Math.mulDiv(taken, batch.given, batch.filled);
        _take(book, controller, epoch, taken);
    }

    /// @dev Claim at most `most` of what was given in the controller's first epoch.
    function claimOut(Book storage book, address controller, uint256 most)
        internal
        returns (uint256 taken, uint256 given)
    {
        uint256 epoch = book.lines[controller].first;
        Batch storage batch = book.batches[epoch];
        Request storage request = book.requests[epoch][controller];
        if (!request.split || most == 0) return (0, 0);
        taken = request.left;
        given = Math.mulDiv(taken, batch.given, batch.filled);
        if (given > most) {
            given = most;
            taken = Math.mulDiv(most, batch.filled, batch.given, Math.Rounding.Ceil);
        }
        _take(book, controller, epoch, taken);
    }

    function pending(Book storage book, address controller, uint256 epoch)
        internal
        view
        returns (uint256)
    {
        return book.batches[epoch].priced ? 0 : book.requests[epoch][controller].left;
    }

    /// @return taken What was filled and is not claimed.
    /// @return given What it is exchanged for.
    function claimable(Book storage book, address controller, uint256 epoch)
        internal
        view
        returns (uint256 taken, uint256 given)
    {
        Batch storage batch = book.batches[epoch];
        if (!batch.priced || batch.filled == 0) return (0, 0);
        Request storage request = book.requests[epoch][controller];
        taken = request.left;
        if (!request.split) taken = Math.mulDiv(taken, batch.filled, batch.asked);
        given = Math.mulDiv(taken, batch.given, batch.filled);
    }

    /// @notice The same, of all a controller's epochs.
    function allClaimable(Book storage book, address controller)
        internal
        view
        returns (uint256 taken, uint256 given)
    {
        Line storage line = book.lines[controller];
        (taken, given) = claimable(book, controller, line.first);
        (uint256 more, uint256 moreGiven) = claimable(book, controller, line.second);
        return (taken + more, given + moreGiven);
    }

    function _take(Book storage book, address controller, uint256 epoch, uint256 taken) private {
        Request storage request = book.requests[epoch][controller];
        request.left -= uint248(taken);
        if (request.left == 0) _leave(book, controller, epoch);
    }

    /// @dev The first epoch of a line is done.
    function _leave(Book storage book, address controller, uint256 epoch) private {
        Line storage line = book.lines[controller];
        (line.first, line.second) = (line.second, 0);
        delete book.requests[epoch][controller];
    }
}
