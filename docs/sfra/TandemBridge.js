'use strict';

/**
 * TandemBridge: says whose DW session this is, signed, so that Tandem can get SLAS tokens for it.
 *
 * For an ECOM that Tandem does not front. Put this file into the `controllers` folder of a storefront
 * cartridge (SFRA). `TandemBridge-Signature` answers JSON for a script of a page, `TandemBridge-Go`
 * a page that sends itself on to Tandem. A signature lives about ten minutes and is a credential:
 * it is never cached, logged, or put into an address.
 */
var server = require('server');

/**
 * What `POST /bff/bridge` takes: `dwsgst` of a guest, `dwsrst` with the login of a registered shopper.
 * A registered session can be signed from release 25.4 on.
 * @returns {Object} the fields
 */
function claim() {
    if (customer.authenticated && customer.profile) {
        return {
            dwsrst: session.generateRegisteredSessionSignature(),
            login_id: customer.profile.credentials.login
        };
    }
    return { dwsgst: session.generateGuestSessionSignature() };
}

server.get('Signature', server.middleware.https, function (req, res, next) {
    res.setHttpHeader('Cache-Control', 'private, no-store');
    res.json(claim());
    return next();
});

server.get('Go', server.middleware.https, function (req, res, next) {
    res.setHttpHeader('Cache-Control', 'private, no-store');
    res.render('tandem/bridge', {
        fields: claim(),
        // The origin where browsers reach Tandem, from a site preference of yours.
        action: require('dw/system/Site').current.getCustomPreferenceValue('tandemOrigin') + '/bff/bridge',
        returnTo: req.querystring.to || '/'
    });
    return next();
});

module.exports = server.exports();
